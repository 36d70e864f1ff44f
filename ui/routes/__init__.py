"""What the page and programs ask over HTTP.

api                /generate, /score, /inspect
endpoints          arguments, documentation and errors of the API's endpoints
streams            replies as server-sent events
lenses             what the lenses show
step_lens          how one character was computed
site               the site and its models, for the page
write              replies for a page that keeps its conversation
running_replies    the replies that are being written
trace              what the lenses show, for a page that keeps its conversation
web_files          the files of web/, at an address for each version
requests           what such a page sends, checked
training_timeline  what a model wrote at each step of its training
updates            whether a model has a newer commit
"""
