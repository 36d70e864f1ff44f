"""The page in Gradio: its document, its routes, the launch.

page          the routes that the page's modules request, and the endpoints of the API
document      the page's document, which works before its modules have arrived, and that of the API
launch        the server and its limits
"""
