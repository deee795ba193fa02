"""Runs a command that dies with its parent, as another user if asked:

    python guard.py PARENT_PID SIGNAL USER|- COMMAND...

The kernel sends SIGNAL to the command when the *thread* that started this one ends, whichever way
it ends. That request is lost when a process changes its user, so it is made after that.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: str, death_signal: str, user: str, *command: str) -> None:
    if user != "-":
        import pwd

        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != int(parent):
        sys.exit("guard: the parent is already gone")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
