"""What tests share: small networks, photo folders, drivers of commands."""
