"""Questions asked of a server with an OpenAI API: ``arrol-serve``, or any other."""
