"""The page and the API of the app, on top of ``model``; ``app.py`` starts them.

owner         what the one who serves it has decided, from the environment
settings      raw values from a page or a program, checked
conversation  what was said and where to go on from; turn: a turn of it; lines: how the page is told; pure logic
takeover      what a newer commit of a model reads of it
shelf         the models that are served; served: one of them, with its engine
greeting      what an empty page shows of a model
renewal       newer commits of them, looked for and served
news          the route that an open page asks whether there are any
writing       following a reply without a thread
streams       the route that the page reads replies from
lenses        the route that its lenses ask
film          the route that tells what a model wrote at each step of its training
load          how much is being written just now
beside        a second conversation that follows the first; second: its view
layout        what stands on the page; page: what each control does; view.py, view.js and style.css beside it
words         what stands on it, in English and Chinese
api           /generate, /score and /inspect
"""
