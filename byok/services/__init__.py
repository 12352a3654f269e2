"""What a page or a command may call. Each function checks role and plan itself, whatever the caller showed."""
