"""The commands of `label-pipeline`, one module each, named like the command: `run(arguments) -> exit code`."""
