"""What the pages share and only the browser side knows: sign-in, routes, the event stream, common parts."""
