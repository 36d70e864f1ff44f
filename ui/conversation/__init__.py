"""Conversations without Gradio: turns, moves, branches, links, clamps.

conversation    one visitor's turns and the memory after each
turn            one prompt and its reply
moves           send, continue, retry, branch, step
branches        the tree of turns that were replaced
state_handover  what a newer commit takes over of a conversation
clamps          cells that a visitor holds
links           a link that reproduces a text
sharing         share a conversation, follow a link
side_by_side    a second model that answers the same prompts
progress        follows a reply while the engine writes it
counterfactual  the same reply without clamps
"""
