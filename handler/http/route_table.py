"""The routes of the function by path template, some of them made when they are first asked for.

Most environments answer one dialect only. What the others import would be paid in every cold start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from handler.http.route import Route, Routes


class LateRoutes:
    """Routes that are made by the first request for one of them.

    endpoints: "METHOD /path" of each but HEAD, as the routes have them, in their order. make:
    imports what they need, and returns them.
    """

    def __init__(self, endpoints: Sequence[str], make: Callable[[], Routes]) -> None:
        self.endpoints, self.make = endpoints, make


def late_routes(*endpoints: str) -> Callable[[Callable[[], Routes]], LateRoutes]:
    """A decorator of the function that makes them: see LateRoutes."""
    return lambda make: LateRoutes(endpoints, make)


class RouteTable(Mapping[str, Route]):
    """Routes by path template, in the order in which templates are matched.

    endpoints: "METHOD /path" of all, without HEAD. Going through the values makes the late ones.
    """

    def __init__(self, *groups: Routes | LateRoutes) -> None:
        self._routes: dict[str, Route | LateRoutes] = {}
        self.endpoints: list[str] = []
        for group in groups:
            if isinstance(group, LateRoutes):
                paths = [endpoint.partition(" ")[2] for endpoint in group.endpoints]
                self._routes |= dict.fromkeys(paths, group)
                self.endpoints += group.endpoints
            else:
                self._routes |= group
                self.endpoints += endpoints_of(group)

    def __getitem__(self, path: str) -> Route:
        found = self._routes[path]
        if isinstance(found, LateRoutes):
            made = found.make()
            self._routes |= made
            return made[path]
        return found

    def __contains__(self, path: object) -> bool:
        return path in self._routes

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._routes))

    def __len__(self) -> int:
        return len(self._routes)


def endpoints_of(routes: Routes) -> list[str]:
    """The method and path of each endpoint, but for HEAD, which goes with GET."""
    return [
        f"{method} {path}"
        for path, route in routes.items()
        for method in route.endpoints
        if method != "HEAD"
    ]
