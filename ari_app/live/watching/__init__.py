"""What others are told beside calls: how devices, agents, routing APIs and Asterisk itself come and go."""
