"""Conversations without Gradio: turns, moves, branches, links, clamps.

conversation    one visitor's turns, and the memory before and after each
turn            one prompt and its reply
moves           send, continue, retry, branch, step
branches        the tree of turns, replaced ones included
state_handover  the text that a newer commit reads again
clamps          clamped cells: checked, in links, in messages
links           the grammar of links that reproduce a text
sharing         make a link, write the text of a link
side_by_side    a second model with the same prompts, or blended
read_text       what a model has read, and with which clamps
states          states of models after texts, so that none is read again
progress        requests a reply and follows it
counterfactual  the same reply without its clamps
"""
