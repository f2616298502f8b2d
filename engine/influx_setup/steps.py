"""What the set-up did, line by line, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from ..outputs.text import Language

State = Literal["made", "changed", "right", "differs", "cannot", "note"]

STATES: Final[Mapping[State, Mapping[Language, str]]] = {
    "made": {"en": "made", "zh": "已建"},
    "changed": {"en": "changed", "zh": "已改"},
    "right": {"en": "right", "zh": "无误"},
    "differs": {"en": "differs", "zh": "不符"},
    "cannot": {"en": "cannot", "zh": "不能"},
    "note": {"en": "note", "zh": "注意"},
}
#: What `--dry-run` says instead.
WOULD: Final[Mapping[State, Mapping[Language, str]]] = {
    "made": {"en": "would make", "zh": "将建"},
    "changed": {"en": "would change", "zh": "将改"},
}

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "server": ("{name} at {url}", "{url} 为 {name}"),
    "database": ("database {name}", "数据库 {name}"),
    "policy": (
        "retention policy {name}: {kept}",
        "保留策略 {name}：{kept}",
    ),
    "bucket": ("bucket {name}: {kept}", "存储桶 {name}：{kept}"),
    "kept_longer": (
        "{name} keeps {found}, not {kept}: shortening deletes what is older; say --shorten to do it",
        "{name} 现保留 {found}，而非 {kept}：缩短会删除更早的数据；确要缩短请加 --shorten",
    ),
    "downsampling": (
        "{what} {name}: every {every} for the last {back}",
        "{what} {name}：每 {every} 计算最近 {back}",
    ),
    "task_off": (
        "task {name} is switched off: it makes no rows until it is switched on again",
        "任务 {name} 已停用：重新启用之前不生成数据",
    ),
    "late": (
        "a sample that comes more than {late} late is not in its minute: after an outage or a "
        "backfill run  lifeline influx downsample --from … --to …",
        "迟到超过 {late} 的样本不在其分钟值内：中断或回填之后请运行 "
        "lifeline influx downsample --from … --to …",
    ),
    "auth_off": (
        "authentication is off: whoever reaches {url} reads, changes and deletes everything. "
        "Set auth-enabled = true under [http] in influxdb.conf, make an administrator, run this again",
        "服务器未启用认证：任何能访问 {url} 的人都可读取、修改和删除全部数据。"
        "请在 influxdb.conf 的 [http] 中设置 auth-enabled = true，建立管理员后再运行本命令",
    ),
    "no_login": (
        "no login: the plant's file names neither username and password_file nor token_file",
        "未建登录：配置中既无 username 与 password_file，也无 token_file",
    ),
    "login": ("{purpose} login {name}, secret in {file}", "{purpose}账号 {name}，口令在 {file}"),
    "login_env": (
        "login {name}: its secret comes from the environment variable {variable}; make it there",
        "账号 {name}：口令取自环境变量 {variable}，请自行设置",
    ),
    "login_unknown": (
        "login {name} is on the server and its secret is not in {file}: put it there, or say "
        "--renew to give it a new one",
        "账号 {name} 已存在，但 {file} 中没有其口令：请放入该文件，或加 --renew 换新口令",
    ),
    "login_refused": (
        "login {name}: the server refuses the secret in {file}: mend the file, or delete it and "
        "say --renew",
        "账号 {name}：服务器拒绝 {file} 中的口令：请更正，或删除该文件并加 --renew",
    ),
    "login_untried": (
        "login {name}: whether the secret in {file} is right cannot be tried while "
        "authentication is off",
        "账号 {name}：未启用认证，无法验证 {file} 中的口令",
    ),
    "login_admin": (
        "login {name} is an administrator, more than it needs: REVOKE ALL PRIVILEGES FROM {quoted}",
        "账号 {name} 是管理员，权限过大：REVOKE ALL PRIVILEGES FROM {quoted}",
    ),
    "login_more": (
        "login {name} may {found} on {database}, more than {wanted}: GRANT {wanted} ON {on} TO {quoted}",
        "账号 {name} 在 {database} 上有 {found} 权限，超过 {wanted}：GRANT {wanted} ON {on} TO {quoted}",
    ),
    "grant": ("{name} may {wanted} on {database}", "{name} 在 {database} 上可 {wanted}"),
    "mode": (
        "{file} can be read by others: chmod 600",
        "{file} 可被他人读取：请 chmod 600",
    ),
    "org": (
        "organisation {name} is not on this server, or the token may not see it",
        "服务器上没有组织 {name}，或令牌无权查看",
    ),
    "not_set_up": (
        "this server has no first user yet: run  influx setup  (or open {url}), and give the "
        "operator token with --admin-token-file",
        "该服务器尚未初始化：请运行 influx setup（或打开 {url}），并用 --admin-token-file 给出管理令牌",
    ),
    "v3": (
        "{name}: it makes a database at the first write; retention, down-sampling and tokens are "
        "made with its own tool: {todo}",
        "{name}：首次写入时自动建库；保留期、降采样和令牌须用其自带工具：{todo}",
    ),
}
_WORDS: Final[Mapping[str, str]] = {
    "write": "写入",
    "read": "只读",
    "continuous query": "连续查询",
    "task": "任务",
    "forever": "永久",
}


class Step(msgspec.Struct, frozen=True):
    """One thing that was made, changed, found right, found different, or cannot be.

    key     which sentence; words  what stands in it. No secret is ever among them.
    """

    state: State
    key: str
    words: dict[str, str] = {}

    def text(self, language: Language = "en") -> str:
        """The sentence."""
        template = _TEXTS[self.key][0 if language == "en" else 1]
        words = self.words
        if language == "zh":
            words = {k: _WORDS.get(v, v) for k, v in words.items()}
        return template.format(**words)

    def label(self, language: Language = "en", *, dry: bool = False) -> str:
        """The state as a word."""
        table = WOULD if dry and self.state in WOULD else STATES
        return table[self.state][language]


def step(state: State, key: str, /, **words: str) -> Step:
    """A step with its words."""
    return Step(state, key, words)
