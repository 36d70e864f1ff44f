"""Decides which requests are answered, and how many of each client.

filter           the middleware in front of the app: a request that it denies is never parsed
paths            the open paths and methods, with the largest body of each
gradio_calls     checks the requests to Gradio's queue before Gradio reads them
unread_calls     reads the results of calls that no client reads
public_address   the address under which visitors reach the app
names            the hosts that a request may name
clients          the address of the client of a request
answers          the answers to refused requests
limits           the limits of one address: requests, replies, characters, questions, processor time
workers          runs slow work in threads, the clients in turn
"""
