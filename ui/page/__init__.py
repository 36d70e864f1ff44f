"""The page in Gradio: its document, its routes, the launch.

document      the page's document, which works before its modules have arrived, and that of the API
launch        the routes, the server and its limits
"""
