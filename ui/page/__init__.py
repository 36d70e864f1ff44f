"""The page in Gradio: one component, the first paint, the launch.

page         the HTML component that imports the modules of web/, and the routes that they ask
first_paint  the text that is shown before Gradio's scripts have run
launch       the server, its limits and its theme
"""
