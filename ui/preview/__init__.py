"""Link previews, as chats and search engines show them: title, description, and the picture that all pages share.

shared_text  the beginning of the text of a share link
tags         the meta tags of a document
"""
