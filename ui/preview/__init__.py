"""Link previews, as chats and search engines show them: title, description and a picture.

previews  writes and draws the beginning of a link's text, caches it, and answers requests for pictures
link      the first reply that a share link describes
writing   the beginning of that reply, with the bits of each character
tags      the meta tags of a document
"""
