"""The list of captures that can be made, by name."""

SCENARIOS = {}  # name: function(path); its docstring says what happens


def scenario(name):
    def add(function):
        SCENARIOS[name] = function
        return function

    return add
