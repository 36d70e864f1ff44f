"""Link previews, as chats and search engines show them: title, description and a picture.

previews  writes the beginning of a link's text, draws it, keeps it, and answers requests for pictures
link      the first reply that a share link asks for
writing   the beginning of that reply, with the bits of each character
picture   draws a text in the colours of its bits
tags      the meta tags of a document
"""
