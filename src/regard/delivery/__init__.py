"""What leaves this machine because somebody asked for it: messages to receivers a person named, signed and kept until
they have arrived."""
