"""The pages: shell, navigation, sign-in, processes, and one default template every question is told through."""
