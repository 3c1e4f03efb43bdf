"""What messages say, in Korean and in English; as plain text and as HTML for those who read no other."""

import html
from dataclasses import dataclass
from typing import Final

from auth.message import (
    CONFIRM_EMAIL,
    EMAIL_CHANGE_ASKED,
    EMAIL_CHANGED,
    FACTORS_CHANGED,
    PASSWORD_CHANGED,
    PHONE_NUMBER_CHANGED,
    RESET_PASSWORD,
    VERIFY_EMAIL,
)

LANGUAGES: Final = ("ko", "en")

_WORDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "ko": {
        VERIFY_EMAIL: (
            "이메일 주소를 확인해 주세요",
            "가계부에 가입하신 이메일 주소가 맞는지 아래 링크에서 확인해 주세요.",
            "링크는 7일 동안 한 번 쓸 수 있습니다.",
            "가입하신 적이 없다면 이 메일을 무시하셔도 됩니다.",
        ),
        CONFIRM_EMAIL: (
            "새 이메일 주소를 확인해 주세요",
            "가계부 계정의 이메일 주소를 이 주소로 바꾸려면 아래 링크를 여세요.",
            "링크는 24시간 동안 한 번 쓸 수 있습니다.",
            "요청하신 적이 없다면 이 메일을 무시하셔도 됩니다.",
        ),
        RESET_PASSWORD: (
            "새 비밀번호를 정해 주세요",
            "아래 링크에서 새 비밀번호를 정할 수 있습니다. 링크는 30분 동안 한 번 쓸 수 있습니다.",
            "요청하신 적이 없다면 무시하세요. 비밀번호는 그대로입니다.",
        ),
        EMAIL_CHANGE_ASKED: (
            "이메일 주소 변경이 요청되었습니다",
            "가계부 계정의 이메일 주소를 다른 주소로 바꾸는 요청이 있었습니다.",
            "본인이 아니라면 지금 비밀번호를 바꾸세요. 그러면 요청이 취소됩니다.",
        ),
        EMAIL_CHANGED: (
            "이메일 주소가 바뀌었습니다",
            "가계부 계정의 이메일 주소가 다른 주소로 바뀌었습니다. 본인이 아니라면 서비스 운영자에게 바로 알려 주세요.",
        ),
        PASSWORD_CHANGED: (
            "비밀번호가 바뀌었습니다",
            "가계부 계정의 비밀번호가 바뀌어 다른 기기에서 모두 로그아웃되었습니다.",
            "본인이 아니라면 지금 새 비밀번호를 정하세요.",
        ),
        PHONE_NUMBER_CHANGED: (
            "전화번호가 바뀌었습니다",
            "가계부 계정의 전화번호가 바뀌었습니다. 본인이 아니라면 지금 비밀번호를 바꾸세요.",
        ),
        FACTORS_CHANGED: (
            "로그인 방법이 바뀌었습니다",
            "가계부 계정의 인증 앱, 복구 코드 또는 패스키가 등록되거나 삭제되었습니다.",
            "본인이 아니라면 지금 비밀번호를 바꾸고, 모르는 인증 앱과 패스키를 삭제하세요.",
        ),
    },
    "en": {
        VERIFY_EMAIL: (
            "Please verify your e-mail address",
            "Somebody signed up for a household ledger with this address.",
            "If it was you, open this link; it works once, within 7 days.",
            "If it was not, you can ignore this mail.",
        ),
        CONFIRM_EMAIL: (
            "Please confirm your new e-mail address",
            "To use this address for your household ledger, open this link; it works once, within 24 hours.",
            "If you did not ask for it, you can ignore this mail.",
        ),
        RESET_PASSWORD: (
            "Choose a new password",
            "With this link you choose a new password; it works once, within 30 minutes.",
            "If you did not ask for it, ignore this: your password stays as it is.",
        ),
        EMAIL_CHANGE_ASKED: (
            "A change of your e-mail address was asked for",
            "Somebody asked to use another e-mail address for your household ledger.",
            "If it was not you, change your password now: that calls it off.",
        ),
        EMAIL_CHANGED: (
            "Your e-mail address was changed",
            "Your household ledger has another e-mail address now.",
            "If it was not you, tell whoever runs the service at once.",
        ),
        PASSWORD_CHANGED: (
            "Your password was changed",
            "Your household ledger has another password, and your other devices were signed out.",
            "If it was not you, choose a new password now.",
        ),
        PHONE_NUMBER_CHANGED: (
            "Your phone number was changed",
            "Your household ledger has another phone number. If it was not you, change your password now.",
        ),
        FACTORS_CHANGED: (
            "The ways to sign in were changed",
            "An authenticator app, recovery codes or a passkey of your household ledger were set up or removed.",
            "If it was not you, change your password now, and remove what you do not know.",
        ),
    },
}


@dataclass(frozen=True)
class Text:
    """What one message says; `link` holds a secret, so it is never shown in logs."""

    language: str
    subject: str
    body: str
    link: str | None

    def __repr__(self) -> str:
        return f"Text({self.subject!r})"

    @property
    def plain(self) -> str:
        return "\n\n".join(part for part in (self.body, self.link) if part) + "\n"

    @property
    def short(self) -> str:
        """For a phone."""
        return "\n".join(part for part in (self.subject, self.link) if part)

    @property
    def html(self) -> str:
        """The same, where a link is a link."""
        link = html.escape(self.link or "")
        linked = f'\n<p><a href="{link}">{link}</a></p>' if self.link else ""
        subject, body = html.escape(self.subject), html.escape(self.body)
        return (
            f'<!doctype html>\n<html lang="{self.language}"><meta charset="utf-8"><title>{subject}</title>\n'
            f"<h1>{subject}</h1>\n<p>{body}</p>{linked}</html>\n"
        )


def text_of(kind: str, language: str, link: str | None) -> Text:
    """What a message of a kind says; in Korean where we do not speak the language."""
    language = language if language in LANGUAGES else LANGUAGES[0]
    subject, *sentences = _WORDS[language][kind]
    return Text(language, subject, " ".join(sentences), link)
