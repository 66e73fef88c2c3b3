"""Where the load comes from: worker processes of this machine."""
