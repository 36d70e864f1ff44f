"""Link previews, as chats and search engines show them: title, description, and the picture that all pages share.

link       the first reply that a share link describes
beginning  the beginning of that reply
tags       the meta tags of a document
"""
