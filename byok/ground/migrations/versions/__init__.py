"""One file a revision, oldest first. A released revision is never edited: add another one."""
