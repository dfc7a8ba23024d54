"""The commands of the pages for administrators, and which test runs each of them.

A test that runs commands takes them from `claimed`, so that a new one is run, or fails for want of what it needs. What
no rule names fails in `test_docs_commands.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unit.docpage import ROOT, blocks

DOCS = ROOT / "docs"
NAMES = ("install", "configure", "upgrade", "observe", "operate", "security", "sizing", "admission", "images",
         "access-rights")  # fmt: skip
PAGES = (*(DOCS / f"{name}.md" for name in NAMES), *sorted((DOCS / "runbooks").glob("*.md")))
PROGRAMS = ("curl", "docker", "helm", "k3d", "kind", "kronstream", "kubectl", "make", "minikube", "openssl",
            "promtool", "redis-cli")  # fmt: skip
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """What one is to type: a line of a console, a block for the shell, or code in a sentence.

    `page` is the path below docs/ without `.md`, `kind` the block's language or `inline`, `answer` what a console shows
    below it.
    """

    page: str
    text: str
    kind: str
    heading: str = ""
    answer: tuple[str, ...] = ()


def commands(path: Path) -> list[Command]:
    """All commands of a page: those in blocks in their order, then those in sentences."""
    page = path.relative_to(DOCS).with_suffix("").as_posix()
    return [*fenced(path, page), *inline(path.read_text("utf-8"), page)]


def fenced(path: Path, page: str) -> Iterator[Command]:
    """Commands in blocks; a block for the shell is one."""
    for block in blocks(path):
        if block.language == "sh":
            yield Command(page, block.text, "sh", block.heading)
        elif block.language == "console":
            for part in block.text.removeprefix("$ ").split("\n$ "):
                text, *answer = part.splitlines()
                yield Command(page, text, "console", block.heading, tuple(answer))


def inline(text: str, page: str) -> Iterator[Command]:
    """Commands in sentences and tables: code that begins with a program and goes on."""
    heading = ""
    for part in re.split(r"(?m)^(#+ .+)$", FENCE.sub("", text)):
        if re.match("#+ ", part):
            heading = part.lstrip("# ")
            continue
        for _, code in SPAN.findall(part):
            words = code.replace("\\|", "|").split()
            if len(words) > 1 and words[0] in PROGRAMS:
                yield Command(page, " ".join(words), "inline", heading)


ALL = [command for path in PAGES for command in commands(path)]

INSTALL = "tests/integration/test_install_page.py"
RIGHTS_OF_REDIS = "tests/integration/test_redis_tls.py"
RESTORE = "tests/integration/test_restore.py"
UPGRADE = "tests/integration/test_upgrade_page.py"
OPERATORS = "tests/integration/test_pages_of_operators.py"
ADMISSION = "tests/integration/test_admission.py"
RIGHTS = "tests/integration/test_access_rights_page.py"
DOOR = "tests/integration/test_api_tls.py"
RUNBOOKS = "tests/integration/test_runbooks.py"
SENTENCES = "tests/integration/test_commands_in_sentences.py"
MAKE = "tests/unit/test_make_in_pages.py"
PODS = "e2e/test_pages.py"
WORKFLOW = ".github/workflows/image.yaml"
NAMED = "named"  # part of a command that is run, named in a sentence
# pages (or page#heading), kind, how commands begin, as regular expressions; what runs them. The first that fits counts.
RULES: tuple[tuple[str, str, str, str], ...] = (
    (
        ".*",
        "inline",
        r"(helm (test|uninstall|rollback|upgrade)|kubectl (apply|apply -k|rollout|auth can-i|apply .* -k crds))$",
        NAMED,
    ),
    ("install", "console", r"helm test |kubectl -n kronstream-system rollout ", PODS),
    ("install", "console", ".", INSTALL),
    ("images", "sh", r"make image e2e-image\nkind ", WORKFLOW),
    ("images", "sh", r"make ", MAKE),
    ("images", "inline|sh", r"kubectl ", PODS),
    ("configure", "sh", "redis-cli ACL ", RIGHTS_OF_REDIS),
    ("operate#(Back up|Restore)", "sh", ".", RESTORE),
    ("upgrade#With Helm", "sh", ".", UPGRADE),
    ("upgrade|admission|operate", "sh", ".", OPERATORS),
    ("admission", "console", ".", ADMISSION),
    ("security", "sh", ".", DOOR),
    ("access-rights", "console|sh", ".", RIGHTS),
    ("observe", "sh", r"kubectl |curl ", PODS),
    ("runbooks/certificate-expires", "inline|sh", ".", INSTALL),
    ("runbooks/.*", "inline", r"kubectl -n kronstream-system ", PODS),
    ("runbooks/.*", "inline", ".", RUNBOOKS),
    (".*", "inline", r"make ", MAKE),
    (".*", "inline", r"kronstream ", SENTENCES),
)


def runner(command: Command) -> str | None:
    """What runs a command: a file of tests, a workflow, `NAMED`; None where nothing does."""
    return next((rule[3] for rule in RULES if fits(rule, command)), None)


def fits(rule: tuple[str, str, str, str], command: Command) -> bool:
    """Whether a rule is about a command."""
    pages, kinds, begin, _ = rule
    where = f"{command.page}#{command.heading}" if "#" in pages else command.page
    return all((re.fullmatch(pages, where), re.fullmatch(kinds, command.kind), re.match(begin, command.text)))


def claimed(by: str) -> list[Command]:
    """The commands that a test file is to run, in the order of the pages."""
    return [command for command in ALL if runner(command) == by]
