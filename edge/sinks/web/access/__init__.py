"""Who may do what at the live view: people, roles, sessions, passwords, certificates."""
