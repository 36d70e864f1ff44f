"""The page in Gradio: one component, the first paint, the launch.

page         the HTML component that imports the modules of web/, and the routes that these request
first_paint  the page in the document itself, which works before Gradio's scripts have run
launch       the server, its limits and its theme
"""
