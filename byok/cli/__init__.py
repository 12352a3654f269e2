"""The command line `byok`: one file a noun. Each command opens the workbench, calls services, and prints."""
