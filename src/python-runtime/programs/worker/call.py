"""The arguments of a0, read as its command does it, in less time."""

from datetime import datetime, timezone


class CannotBeRead(Exception):
    """a0 itself says what is wrong with them, or knows them better."""


class Call:
    """What a0 is asked for. The names are those of its parameters."""

    def __init__(self, values):
        self.__dict__.update(values)

    @property
    def start_time(self):
        """As in a0: a constant where it is not known, since the names of children depend on it."""
        text = (self.run_start_time or "").rstrip()
        if text.endswith("Z"):
            text = text[:-1] + "+00:00"
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return datetime(1970, 1, 1, tzinfo=timezone.utc)
        return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)


class Reader:
    """Of the command `a0` of flyte, which is one of click's."""

    def __init__(self, command):
        options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
        self.options = {name: option for option in options for name in option.opts}
        self.from_variables = [option for option in options if option.envvar]
        self.required = [option.name for option in options if option.required]
        self.absent = {option.name: None for option in options}

    def read(self, arguments, variable):
        """`variable(name)`: that of the attempt, or None. Throws CannotBeRead."""
        values = {**self.absent, "resolver_args": ()}
        words = iter(arguments)
        for word in words:
            option = self.options.get(word)
            if option is None:
                if word.startswith("-"):
                    raise CannotBeRead(f"the argument {word} is unknown")
                values["resolver_args"] = (word, *words)
                break
            value = next(words, None)
            if value is None:
                raise CannotBeRead(f"the argument {word} has no value")
            values[option.name] = option.type(value)
        for option in self.from_variables:
            if values[option.name] is None and variable(option.envvar):
                values[option.name] = option.type(variable(option.envvar))
        call = Call(values)
        for name, source in (("run_name", "RUN_NAME"), ("name", "ACTION_NAME")):
            if (values[name] or "").startswith("{{"):
                setattr(call, name, variable(source))
        for name in (*self.required, "org", "project", "domain", "run_name", "name"):
            if not getattr(call, name):
                raise CannotBeRead(f"the arguments do not say {name}")
        return call
