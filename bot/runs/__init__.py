"""The life of a run, in Slack or in a shell: accept, claim, execute, park, finish, deliver.

Face: `Engine`, `Executor`, `Dispatcher`, `RunRequest`, the `RunPresenter` port. It never imports a thread or a
listener; what a run shows goes through `RunPresenter`.
"""
