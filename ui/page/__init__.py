"""The page in Gradio: layout, events, launch.

layout       the controls
inputs       the values of the controls, as one typed object
replies      the handlers that make the model write
page         which handler each control calls
second_view  the view of a second model
view         the HTML views and their scripts
first_paint  the text that is shown before Gradio's scripts have run
launch       the server, its limits and its theme
"""
