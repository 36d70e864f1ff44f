"""The command line: prepares a run from the options, and runs the other commands.

main             the commands and their exit codes; the end of a run, with the commands to type next
options          the options of every command, with their help; those of a training are checked
prepare          a run, new or resumed, up to its next step
text             the training text of a run, and who can read its sources
sharing          whether a run or a model may be public, and the repo that a run is pushed to
plan             chooses the recipe of a new run
fine_tune        --from: the weights of another model, and a vocabulary with the new characters of the text
teachers         --teachers and --teacher: models that a run trains first or is given, and their predictions
child_trainings  several trainings at once, each in its own process: here, or on a Ray cluster
space            the command `space` and the option --space
compare          the command `compare`
"""
