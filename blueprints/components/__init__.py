"""The words an architect uses, one file each: arguments in, resources out, secure without options."""
