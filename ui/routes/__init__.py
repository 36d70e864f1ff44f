"""What the page and programs ask over HTTP.

api                /generate, /score, /inspect
endpoints          arguments, documentation and errors of the API's endpoints
site               the site and its models, for the page
write              replies for the page, as server-sent events
stream             a text for programs, as server-sent events
running_replies    the replies that are being written
lenses             what the lenses of a page ask
training_timeline  what a model wrote at each step of its training
health             whether the app works
metrics            figures for Prometheus
web_files          the files of web/, at an address for each version
requests           what the page sends, checked
"""
