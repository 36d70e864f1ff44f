"""What is typed after `python -m training`, and the run that it starts.

main       the command line and its exit codes
options    every option, checked as far as no text or network is needed
start      from options to a run that is ready for its first or next step
fine_tune  --from: weights of another model, and a vocabulary that grows
teachers   --teacher: predictions of other models for the text
space      the subcommand `space` and the option --space
compare    the subcommands `compare` and `curve`
"""
