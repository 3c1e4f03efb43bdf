"""The pages that mailed links open in a browser: each asks for what is missing, and posts the link's token."""

import base64
import hashlib
import html
from typing import Final

from aiohttp import web

from auth.message import CONFIRM_EMAIL, RESET_PASSWORD, VERIFY_EMAIL

# Nothing happens before the button is pressed: programs that scan mail open its links. The token stands behind the #,
# which browsers send to nobody, and is taken out of the address before anything else is done.
_SCRIPT: Final = """
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const form = document.querySelector("form"), said = document.querySelector("output");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  form.querySelector("button").disabled = true;
  const body = JSON.stringify({token, ...Object.fromEntries(new FormData(form))});
  const headers = {"Content-Type": "application/json"};
  try {
    const answer = await fetch(location.pathname, {method: "POST", headers, body, credentials: "omit"});
    const problem = answer.ok ? null : await answer.json();
    said.textContent = problem ? (problem.errors || [{message: problem.detail}])[0].message : form.dataset.done;
    form.hidden = answer.ok;
  } catch {
    said.textContent = form.dataset.failed;
  }
  form.querySelector("button").disabled = false;
});
"""
_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"script-src 'sha256-{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode('ascii')}'"
)
_HEADERS: Final = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "Vary": "Accept-Language"}

_WORDS: Final = {
    "ko": {
        VERIFY_EMAIL: ("이메일 주소 확인", "확인", "이메일 주소가 확인되었습니다."),
        CONFIRM_EMAIL: ("새 이메일 주소 확인", "바꾸기", "이메일 주소가 바뀌었습니다."),
        RESET_PASSWORD: ("새 비밀번호", "바꾸기", "비밀번호가 바뀌었습니다. 새 비밀번호로 로그인하세요."),
    },
    "en": {
        VERIFY_EMAIL: ("Verify your e-mail address", "Verify", "Your e-mail address is verified."),
        CONFIRM_EMAIL: ("Confirm your new e-mail address", "Change", "Your e-mail address was changed."),
        RESET_PASSWORD: ("New password", "Change", "Your password was changed: sign in with the new one."),
    },
}
_FAILED: Final = {"ko": "연결할 수 없습니다. 다시 시도해 주세요.", "en": "There is no connection: try again."}
_FIELD: Final = '<input name="new_password" type="password" autocomplete="new-password" required minlength="8">'


def answer_page(kind: str, language: str) -> web.Response:
    """The page of a kind of link."""
    title, action, done = map(html.escape, _WORDS[language][kind])
    field = f"<label>{title} {_FIELD}</label>\n" if kind == RESET_PASSWORD else ""
    text = f"""<!doctype html>
<html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<form data-done="{done}" data-failed="{html.escape(_FAILED[language])}">
{field}<button>{action}</button>
</form>
<p><output></output></p>
<script>{_SCRIPT}</script></html>
"""
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)
