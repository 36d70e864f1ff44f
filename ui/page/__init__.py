"""The page in Gradio: layout, events, launch.

layout       the controls
page         what each control does
second_view  the view of a second model
view         the HTML views and their scripts
first_paint  the text that is shown before Gradio's scripts have run
launch       the server, its limits and its theme
"""
