"""Executables that are broken on purpose, to be found where the next reload looks."""
import os
import shutil
import subprocess
import textwrap

import pytest

COMPILER = os.environ.get("CC", "cc").split()[0]


def plain_build(program):
    """A skip for AddressSanitizer's builds: it needs address space without end, and to be loaded first."""
    with open(program, "rb") as f:
        if b"__asan_init" in f.read():
            pytest.skip("not with AddressSanitizer")


class Executable:
    """The daemon's own copy of the program, which a test may replace."""

    def __init__(self, program, folder):
        self.real = program
        self.resume = os.path.basename(program).upper() + "_RESUME"  # which the image that a reload starts has in its environment
        self.path = os.path.join(folder, os.path.basename(program))
        self.folder = folder
        shutil.copy2(program, self.path)

    def _install(self, made):
        os.rename(made, self.path)  # as a linker or a package does: another file under the same name

    def become(self, program):
        new = self.path + ".new"
        shutil.copy2(program, new)
        self._install(new)

    def restore(self):
        self.become(self.real)

    def remove(self):
        os.unlink(self.path)

    def forbid(self):
        new = self.path + ".new"
        shutil.copy2(self.real, new)
        os.chmod(new, 0o644)
        self._install(new)

    def compile(self, body, flags=(), into=None):
        """A program of the given body of main; REAL is the path of the real one."""
        source = os.path.join(self.folder, "broken.c")
        made = into or self.path + ".new"
        with open(source, "w", encoding="utf-8") as f:
            f.write(f'#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n'
                    f'#define REAL "{self.real}"\n#define RESUME "{self.resume}"\n' + textwrap.dedent(body))
        subprocess.run([COMPILER, "-o", made, source, *flags], check=True, timeout=60)
        return made

    def replace(self, body):
        self._install(self.compile(body))

    def replace_part(self, declaration, hook):
        """The real program, except that in the image which a reload starts the libc or libevent function of `declaration`
        ("int name", "(type a, type b)") first does `hook`."""
        kind, name, parameters = declaration
        names = ", ".join(p.split()[-1].lstrip("*") for p in parameters.strip("()").split(",")) if parameters != "(void)" else ""
        library = self.compile(f"""
            #include <dlfcn.h>
            #include <event2/event.h>
            #include <poll.h>
            #include <sys/signalfd.h>
            /* It is loaded, which is enough: nobody who is started later shall have it too. */
            __attribute__((constructor)) static void once(void) {{ unsetenv("LD_PRELOAD"); }}
            {kind}{name}{parameters}
            {{
                {kind}(*next){parameters} = ({kind}(*){parameters})dlsym(RTLD_NEXT, "{name}");
                {hook}
                return next({names});
            }}
            """, ["-shared", "-fPIC", "-D_GNU_SOURCE", "-ldl"], os.path.join(self.folder, "hook.so"))
        self.replace(f"""
            int main(int argc, char **argv)
            {{
                (void)argc;
                if (getenv("{self.resume}") != NULL) {{
                    setenv("LD_PRELOAD", "{library}", 1);
                    setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1); /* a sanitized build wants to be first */
                }}
                execv(REAL, argv);
                return 127;
            }}
            """)

    def replace_workers(self, hook):
        """The same in its children: only they call event_base_new."""
        self.replace_part(("struct event_base *", "event_base_new", "(void)"), hook)
