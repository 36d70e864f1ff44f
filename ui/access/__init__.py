"""Decides which requests are answered, and how many of each client.

filter           the layer in front of the app: what it does not let through is never parsed
paths            the open paths and methods, with the largest body of each
bodies           receives a body up to a size, within a time
gradio_calls     checks the requests to Gradio's queue before Gradio reads them
gradio_sessions  forgets the results that nobody reads
connections      ends connections on which no request arrives
public_address   the address under which visitors reach the app
names            the hosts and origins that a request may name
clients          the address of the client of a request
answers          the one-line answers to refused requests
limits           the limits of one address: requests, replies, characters, questions, processor time
connected        ends the work for a client that has left
workers          runs slow work in threads, the clients in turn
"""
