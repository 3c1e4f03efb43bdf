"""Write household.json: one year of a Korean household, the same bytes on every machine."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

FILE = Path(__file__).with_name("household.json")
SEED = 20251101
START, END = date(2025, 11, 1), date(2026, 10, 31)
TRIP_START, TRIP_END = date(2026, 7, 25), date(2026, 8, 1)
DECIMALS = {"KRW": 0, "USD": 2}

# Days off, lived like a Sunday.
HOLIDAYS = {
    date(2025, 12, 25): "성탄절",
    date(2026, 1, 1): "신정",
    date(2026, 2, 16): "설 연휴",
    date(2026, 2, 17): "설날",
    date(2026, 2, 18): "설 연휴",
    date(2026, 3, 2): "삼일절 대체",
    date(2026, 5, 1): "노동절",
    date(2026, 5, 5): "어린이날",
    date(2026, 5, 25): "부처님오신날 대체",
    date(2026, 6, 3): "지방선거",
    date(2026, 8, 17): "광복절 대체",
    date(2026, 9, 24): "추석 연휴",
    date(2026, 9, 25): "추석",
    date(2026, 10, 5): "개천절 대체",
    date(2026, 10, 9): "한글날",
}


class Dice:
    """Seeded chance, built on random() alone: Python keeps that sequence, not choice()'s or randrange()'s."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self._random() * len(options))]

    def between(self, low: int, high: int, step: int) -> int:
        """Return one of low, low + step, … up to and including high."""
        return low + step * int(self._random() * ((high - low) // step + 1))


@dataclass(frozen=True)
class Entry:
    occurred_on: date
    kind: str
    category: str
    memo: str
    amount_minor: int
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Book:
    name: str
    currency: str
    description: str
    opening_minor: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Offer:
    """Something this household buys, and what it may cost (both ends included)."""

    memo: str
    low: int
    high: int


@dataclass(frozen=True)
class Habit:
    """What may be bought on any day, with a chance per weekday, Monday first."""

    category: str
    chances: tuple[float, ...]
    step: int
    tags: tuple[str, ...]
    offers: tuple[Offer, ...]


@dataclass(frozen=True)
class Bill:
    """What comes every month on the same day; one amount, or twelve from November on (0: not that month)."""

    day: int
    category: str
    memo: str
    amounts: tuple[int, ...]
    tags: tuple[str, ...] = ("정기",)
    kind: str = "expense"


def workdays(chance: float) -> tuple[float, ...]:
    return (chance,) * 5 + (0.0,) * 2


def weekend(chance: float) -> tuple[float, ...]:
    return (0.0,) * 5 + (chance,) * 2


def daily(chance: float) -> tuple[float, ...]:
    return (chance,) * 7


SATURDAYS = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
MIDWEEK = (0.0, 0.0, 0.8, 0.0, 0.0, 0.0, 0.0)

HABITS = (
    Habit(
        "식비",
        workdays(0.62),
        500,
        ("점심", "회사"),
        (
            Offer("구내식당", 6500, 7500),
            Offer("회사 앞 백반집", 9000, 11000),
            Offer("김치찌개", 9000, 10500),
            Offer("순대국밥", 10000, 12000),
            Offer("칼국수", 9500, 11000),
            Offer("돈가스", 11000, 14000),
            Offer("편의점 도시락", 4800, 6300),
            Offer("팀 점심 회식비 나눠 냄", 12000, 18000),
        ),
    ),
    Habit(
        "식비",
        workdays(0.34),
        500,
        ("점심",),
        (
            Offer("김밥천국", 5500, 9500),
            Offer("샐러드", 8900, 12900),
            Offer("쌀국수", 10500, 13000),
            Offer("동네 분식집 떡볶이", 5000, 8500),
            Offer("친구와 브런치", 16500, 24000),
        ),
    ),
    Habit(
        "카페·간식",
        daily(0.42),
        100,
        ("커피",),
        (
            Offer("아메리카노", 2000, 4700),
            Offer("카페라떼 두 잔", 7600, 11400),
            Offer("메가커피", 2000, 3900),
            Offer("빵집 식빵과 소금빵", 7200, 14500),
            Offer("붕어빵", 2000, 4000),
        ),
    ),
    Habit(
        "식비",
        daily(0.3),
        50,
        ("편의점",),
        (
            Offer("GS25 우유와 간식", 3200, 9800),
            Offer("CU 맥주 네 캔", 11000, 13000),
            Offer("세븐일레븐 삼각김밥", 1400, 4200),
            Offer("편의점 생수와 라면", 3600, 8200),
        ),
    ),
    Habit(
        "식비",
        SATURDAYS,
        10,
        ("장보기",),
        (
            Offer("이마트 주말 장보기", 68000, 142000),
            Offer("홈플러스 주말 장보기", 61000, 128000),
            Offer("코스트코 장보기", 118000, 236000),
            Offer("농협 하나로마트", 54000, 109000),
        ),
    ),
    Habit(
        "식비",
        MIDWEEK,
        10,
        ("장보기",),
        (
            Offer("마켓컬리 새벽배송", 31000, 67000),
            Offer("쿠팡 로켓프레시", 24000, 58000),
            Offer("망원시장 채소와 생선", 18000, 42000),
        ),
    ),
    Habit(
        "외식",
        (0.05, 0.05, 0.1, 0.1, 0.3, 0.2, 0.2),
        500,
        ("배달",),
        (
            Offer("치킨 배달", 21000, 28500),
            Offer("짜장면과 탕수육", 24000, 36000),
            Offer("피자 배달", 22900, 34900),
            Offer("족발 배달", 32000, 43000),
            Offer("마라탕 배달", 18500, 29000),
        ),
    ),
    Habit(
        "외식",
        weekend(0.4),
        1000,
        ("가족",),
        (
            Offer("삼겹살 외식", 52000, 88000),
            Offer("냉면집", 28000, 42000),
            Offer("회전초밥", 47000, 79000),
            Offer("한정식", 66000, 98000),
            Offer("동네 설렁탕", 33000, 45000),
        ),
    ),
    Habit(
        "교통",
        daily(0.09),
        100,
        ("택시",),
        (Offer("카카오택시 귀가", 9800, 24500), Offer("비 와서 택시", 6200, 13800)),
    ),
    Habit(
        "교통",
        (0.04, 0.02, 0.02, 0.02, 0.12, 0.2, 0.12),
        1000,
        ("자동차", "주유"),
        (Offer("셀프 주유", 50000, 83000), Offer("SK에너지 주유", 60000, 88000)),
    ),
    Habit(
        "교통",
        weekend(0.32),
        100,
        ("자동차",),
        (Offer("공영주차장", 2400, 9600), Offer("하이패스 통행료", 1900, 11400), Offer("세차", 7000, 15000)),
    ),
    Habit(
        "생활용품",
        daily(0.16),
        10,
        ("집",),
        (
            Offer("다이소 수납함과 건전지", 5000, 19000),
            Offer("쿠팡 화장지와 세제", 18900, 38900),
            Offer("샴푸와 치약", 12400, 27800),
            Offer("종량제 봉투", 4900, 9800),
            Offer("주방 세제와 수세미", 6900, 14900),
            Offer("올리브영 기초 화장품", 17800, 46000),
        ),
    ),
    Habit(
        "쇼핑",
        (0.07, 0.05, 0.07, 0.07, 0.12, 0.26, 0.2),
        100,
        ("옷",),
        (
            Offer("유니클로 히트텍과 양말", 29900, 69800),
            Offer("무신사 티셔츠", 19900, 49900),
            Offer("아이 운동화", 39000, 69000),
            Offer("아울렛 겉옷", 89000, 189000),
            Offer("아이 내복과 바지", 24900, 58000),
        ),
    ),
    Habit(
        "의료",
        workdays(0.12),
        100,
        ("병원",),
        (
            Offer("소아과 진료", 3200, 8900),
            Offer("약국 감기약", 3500, 11800),
            Offer("내과 진료와 처방", 5600, 18700),
            Offer("치과 스케일링", 15800, 22400),
            Offer("정형외과 물리치료", 12300, 38000),
        ),
    ),
    Habit(
        "문화",
        weekend(0.42),
        500,
        ("주말",),
        (
            Offer("CGV 영화", 15000, 42000),
            Offer("교보문고 책", 13500, 38500),
            Offer("국립과학관 입장료", 4000, 12000),
            Offer("국립현대미술관 전시", 5000, 16000),
            Offer("잠실야구장 표", 24000, 54000),
            Offer("노래방", 12000, 25000),
        ),
    ),
    Habit(
        "미용",
        weekend(0.19),
        1000,
        (),
        (Offer("남자 커트", 15000, 22000), Offer("아이 커트", 12000, 16000), Offer("미용실 파마", 78000, 145000)),
    ),
)

BILLS = (
    Bill(25, "급여", "남편 급여", (3_842_170,) * 4 + (3_951_230,) * 8, ("급여",), "income"),
    Bill(25, "급여", "아내 급여", (2_618_540,) * 2 + (2_703_910,) * 10, ("급여",), "income"),
    Bill(25, "수당", "아동수당", (100_000,), ("정부지원",), "income"),
    Bill(
        21,
        "이자",
        "파킹통장 이자",
        (8_214, 8_391, 8_957, 9_120, 9_684, 9_902, 10_233, 10_518, 10_746, 7_305, 7_688, 8_041),
        ("은행",),
        "income",
    ),
    Bill(1, "주거", "월세", (950_000,), ("정기", "집")),
    Bill(
        20,
        "주거",
        "아파트 관리비",
        (
            *(184_320, 213_870, 231_450, 224_910, 198_640, 176_230),
            *(162_580, 168_940, 189_770, 203_160, 178_350, 165_020),
        ),
        ("정기", "집"),
    ),
    Bill(
        15,
        "주거",
        "도시가스",
        (42_310, 88_760, 121_940, 118_220, 76_530, 38_410, 19_870, 12_640, 9_980, 8_750, 9_310, 17_460),
        ("정기", "공과금"),
    ),
    Bill(
        18,
        "주거",
        "전기요금",
        (41_230, 45_870, 48_910, 47_360, 42_150, 38_720, 36_940, 48_180, 86_430, 112_750, 71_290, 40_610),
        ("정기", "공과금"),
    ),
    Bill(10, "주거", "수도요금", (28_740, 0, 30_120, 0, 27_960, 0, 29_310, 0, 33_480, 0, 31_250, 0), ("공과금",)),
    Bill(14, "통신", "휴대폰 요금 남편", (55_000,), ("정기", "통신비")),
    Bill(14, "통신", "알뜰폰 요금 아내", (27_500,), ("정기", "통신비")),
    Bill(17, "통신", "인터넷과 IPTV", (38_500,), ("정기", "통신비")),
    Bill(
        2,
        "교통",
        "교통카드 대금",
        (
            *(118_400, 112_650, 104_300, 96_850, 121_200, 124_550),
            *(109_750, 117_300, 98_200, 87_450, 113_600, 119_850),
        ),
        ("정기", "대중교통"),
    ),
    Bill(5, "교육", "태권도 학원", (150_000,), ("정기", "아이")),
    Bill(5, "교육", "피아노 학원", (140_000,) * 4 + (150_000,) * 8, ("정기", "아이")),
    Bill(8, "교육", "영어 학습지", (89_000,), ("정기", "아이")),
    Bill(12, "보험", "실손보험", (64_320,) * 5 + (68_170,) * 7),
    Bill(12, "보험", "어린이보험", (41_800,), ("정기", "아이")),
    Bill(7, "문화", "넷플릭스", (13_500,), ("정기", "구독")),
    Bill(9, "문화", "유튜브 프리미엄", (14_900,), ("정기", "구독")),
    Bill(26, "가족", "부모님 용돈", (300_000,), ("부모님",)),
    Bill(27, "가족", "아이 용돈", (20_000,), ("아이",)),
)


def once(day: str, category: str, memo: str, amount: int, *tags: str, kind: str = "expense") -> Entry:
    return Entry(date.fromisoformat(day), kind, category, memo, amount, tags)


def received(day: str, category: str, memo: str, amount: int, *tags: str) -> Entry:
    return once(day, category, memo, amount, *tags, kind="income")


OCCASIONS = (
    once("2025-11-08", "경조사", "회사 동료 결혼 축의금", 100_000, "결혼"),
    once("2025-11-22", "식비", "김장 배추와 고춧가루", 214_600, "김장", "장보기"),
    once("2025-11-28", "쇼핑", "블랙프라이데이 로봇청소기", 489_000, "가전"),
    received("2025-12-19", "상여", "연말 성과급", 2_400_000, "상여"),
    once("2025-12-20", "쇼핑", "아이 크리스마스 선물 레고", 89_900, "선물", "아이"),
    once("2025-12-24", "외식", "크리스마스 이브 저녁", 126_000, "가족", "기념일"),
    once("2025-12-24", "카페·간식", "크리스마스 케이크", 38_000, "기념일"),
    once("2025-12-31", "문화", "제야의 종 구경과 호떡", 12_000, "가족"),
    once("2026-01-10", "문화", "스키장 리프트권과 장비", 218_000, "겨울", "가족"),
    once("2026-01-16", "세금", "자동차세 연납", 497_320, "자동차"),
    received("2026-02-13", "상여", "설 상여", 1_900_000, "설", "상여"),
    once("2026-02-13", "식비", "설 차례상 장보기", 287_430, "설", "장보기"),
    once("2026-02-13", "쇼핑", "설 선물세트 여섯 상자", 234_000, "설", "선물"),
    once("2026-02-14", "교통", "KTX 부산 왕복 세 장", 299_000, "설", "기차"),
    once("2026-02-17", "가족", "양가 부모님 세뱃돈", 600_000, "설", "부모님"),
    once("2026-02-17", "가족", "조카 세뱃돈", 150_000, "설"),
    received("2026-02-17", "기타 수입", "아이가 받은 세뱃돈", 230_000, "설", "아이"),
    once("2026-02-17", "외식", "고향 횟집", 142_000, "설", "가족"),
    received("2026-02-25", "환급", "연말정산 환급", 684_210, "세금"),
    once("2026-03-03", "교육", "새 학기 책가방과 문구", 134_500, "아이", "새학기"),
    received("2026-03-14", "기타 수입", "당근마켓 유모차 판매", 120_000, "중고"),
    once("2026-03-28", "경조사", "사촌 결혼 축의금", 200_000, "결혼"),
    once("2026-04-05", "문화", "여의도 벚꽃 나들이", 31_000, "가족", "봄"),
    once("2026-04-11", "쇼핑", "타이어 교체", 412_000, "자동차"),
    once("2026-05-05", "쇼핑", "어린이날 자전거", 189_000, "선물", "아이"),
    once("2026-05-05", "문화", "에버랜드 이용권", 138_000, "가족", "아이"),
    once("2026-05-08", "가족", "어버이날 용돈과 카네이션", 436_000, "부모님", "선물"),
    once("2026-05-15", "경조사", "선생님 손편지와 꽃", 18_000, "아이"),
    once("2026-05-16", "경조사", "친구 결혼 축의금", 100_000, "결혼"),
    once("2026-06-13", "경조사", "부의금", 100_000),
    once("2026-06-19", "의료", "건강검진 추가 검사", 165_000, "병원"),
    received("2026-07-10", "상여", "여름 휴가비", 500_000, "상여", "휴가"),
    once("2026-07-11", "여행", "하와이 왕복 항공권 잔금", 2_184_600, "하와이", "휴가"),
    once("2026-07-18", "쇼핑", "수영복과 여행 가방", 178_400, "휴가"),
    once("2026-07-25", "교통", "공항버스와 주차", 84_000, "휴가"),
    received("2026-08-08", "기타 수입", "당근마켓 캠핑 의자 판매", 45_000, "중고"),
    once("2026-08-21", "세금", "주민세", 12_500, "공과금"),
    once("2026-09-05", "경조사", "돌잔치 금반지", 385_000, "선물"),
    received("2026-09-18", "상여", "추석 상여", 1_900_000, "추석", "상여"),
    once("2026-09-19", "쇼핑", "추석 한우 선물세트", 318_000, "추석", "선물"),
    once("2026-09-22", "식비", "추석 장보기와 송편", 261_870, "추석", "장보기"),
    once("2026-09-23", "교통", "KTX 부산 왕복 세 장", 299_000, "추석", "기차"),
    once("2026-09-25", "가족", "양가 부모님 추석 용돈", 600_000, "추석", "부모님"),
    once("2026-09-26", "교통", "성묘길 주유와 통행료", 93_400, "추석", "자동차"),
    once("2026-10-03", "문화", "여의도 불꽃축제 간식", 27_500, "가족"),
    once("2026-10-17", "외식", "결혼기념일 저녁", 184_000, "기념일"),
    once("2026-10-24", "생활용품", "전기장판", 79_900, "겨울 준비"),
)

# In cents. The household pays American prices on this trip, so every sum ends in odd cents.
TRIP_HABITS = (
    Habit(
        "식비",
        daily(0.9),
        1,
        ("아침",),
        (Offer("호텔 앞 팬케이크", 2895, 4460), Offer("ABC 스토어 무스비", 749, 1834), Offer("말라사다", 650, 1420)),
    ),
    Habit(
        "식비",
        daily(1.0),
        1,
        ("점심",),
        (Offer("새우 트럭", 3345, 5280), Offer("포케 볼", 2790, 4615), Offer("푸드코트 플레이트 런치", 2480, 4390)),
    ),
    Habit(
        "식비",
        daily(1.0),
        1,
        ("저녁",),
        (Offer("스테이크 저녁", 9860, 16475), Offer("우동과 튀김", 4215, 6330), Offer("해변 피자", 3870, 6145)),
    ),
    Habit("카페·간식", daily(0.8), 1, (), (Offer("코나 커피", 545, 1390), Offer("셰이브 아이스", 695, 1585))),
    Habit("교통", daily(0.6), 1, ("렌터카",), (Offer("주차비", 500, 3500), Offer("주유", 3120, 5475))),
    Habit("쇼핑", daily(0.55), 1, ("선물",), (Offer("마카다미아 초콜릿", 1299, 4596), Offer("아웃렛 옷", 2499, 11897))),
)

TRIP_OCCASIONS = (
    received("2026-03-06", "환전", "달러 환전 1차", 150_000, "준비"),
    once("2026-03-07", "숙박", "와이키키 호텔 예약금", 42_875, "준비"),
    received("2026-05-22", "환전", "달러 환전 2차", 200_000, "준비"),
    once("2026-05-23", "교통", "렌터카 예약", 31_264, "준비", "렌터카"),
    once("2026-06-20", "문화", "스노클링 예약", 17_950, "준비"),
    once("2026-07-25", "통신", "여행자 eSIM 두 개", 3_980, "준비"),
    once("2026-07-27", "문화", "다이아몬드 헤드 입장료", 1_500, "가족"),
    once("2026-07-29", "문화", "폴리네시안 문화 센터", 28_746, "가족"),
    once("2026-08-01", "숙박", "호텔 잔금과 리조트 요금", 128_437),
    received("2026-08-12", "환급", "렌터카 보증금 환급", 20_000, "렌터카"),
)


def days(start: date, end: date) -> Iterator[date]:
    """Yield every day from start to end, both included."""
    for offset in range((end - start).days + 1):
        yield start + timedelta(days=offset)


def bought(habits: Sequence[Habit], day: date, dice: Dice) -> Iterator[Entry]:
    for habit in habits:
        chance = habit.chances[6 if day in HOLIDAYS else day.weekday()]
        if dice.chance(chance):
            offer = dice.pick(habit.offers)
            amount = dice.between(offer.low, offer.high, habit.step)
            yield Entry(day, "expense", habit.category, offer.memo, amount, habit.tags)


def billed(day: date) -> Iterator[Entry]:
    month = (day.year - START.year) * 12 + day.month - START.month
    for bill in BILLS:
        amount = bill.amounts[month % len(bill.amounts)]
        if bill.day == day.day and amount:
            yield Entry(day, bill.kind, bill.category, bill.memo, amount, bill.tags)


def home_entries(dice: Dice) -> Iterator[Entry]:
    for day in days(START, END):
        yield from billed(day)
        if not TRIP_START <= day <= TRIP_END:
            yield from bought(HABITS, day, dice)
    yield from OCCASIONS


def trip_entries(dice: Dice) -> Iterator[Entry]:
    for day in days(TRIP_START, TRIP_END):
        yield from bought(TRIP_HABITS, day, dice)
    yield from TRIP_OCCASIONS


def by_date(entries: Iterator[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.occurred_on))


def make_books() -> tuple[Book, ...]:
    dice = Dice(SEED)
    return (
        Book("우리집 가계부", "KRW", "세 식구의 한 해 살림", 3_250_000, by_date(home_entries(dice))),
        Book("하와이 여행", "USD", "2026년 여름 휴가", 50_000, by_date(trip_entries(dice))),
    )


def money(amount_minor: int, currency: str) -> str:
    """Write minor units as the API does: `"12000"` for KRW, `"12.50"` for USD."""
    return f"{Decimal(amount_minor).scaleb(-DECIMALS[currency]):f}"


def sums(entries: Sequence[Entry], currency: str) -> dict[str, str]:
    income = sum(entry.amount_minor for entry in entries if entry.kind == "income")
    expense = sum(entry.amount_minor for entry in entries if entry.kind == "expense")
    return {
        "income": money(income, currency),
        "expense": money(expense, currency),
        "total": money(income - expense, currency),
    }


def net_minor(entries: Sequence[Entry]) -> int:
    return sum(entry.amount_minor if entry.kind == "income" else -entry.amount_minor for entry in entries)


def expected_months(book: Book) -> list[dict[str, Any]]:
    """Return one group for each month that has an entry, as `totals?group_by=month` answers it."""
    months: dict[str, list[Entry]] = {}
    for entry in book.entries:
        months.setdefault(f"{entry.occurred_on:%Y-%m}", []).append(entry)
    return [{"key": key, **sums(month, book.currency), "count": len(month)} for key, month in months.items()]


def entry_record(entry: Entry, currency: str) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "amount": money(entry.amount_minor, currency),
        "occurred_on": entry.occurred_on.isoformat(),
        "category": entry.category,
        "memo": entry.memo,
        "tags": list(entry.tags),
    }


def book_record(book: Book) -> dict[str, Any]:
    balance = money(book.opening_minor + net_minor(book.entries), book.currency)
    return {
        "name": book.name,
        "currency": book.currency,
        "description": book.description,
        "opening_balance": money(book.opening_minor, book.currency),
        "expected": {
            **sums(book.entries, book.currency),
            "balance": balance,
            "entry_count": len(book.entries),
            "months": expected_months(book),
        },
        "entries": [entry_record(entry, book.currency) for entry in book.entries],
    }


def wallet_record(book: dict[str, Any]) -> dict[str, Any]:
    """Return what the wallet shows for a currency: here the figures of the one book that has it."""
    return {"currency": book["currency"]} | {
        figure: book["expected"][figure] for figure in ("income", "expense", "total", "balance")
    }


def make_household() -> dict[str, Any]:
    books = [book_record(book) for book in make_books()]
    return {
        "about": "One year of a made-up Korean household; written by household.py, do not edit.",
        "from": START.isoformat(),
        "to": END.isoformat(),
        "wallets": [wallet_record(book) for book in books],
        "books": books,
    }


def holds_records(value: Any) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(isinstance(child, dict) or holds_records(child) for child in children)


def render(value: Any, indent: str = "") -> str:
    """Write JSON with each innermost record on one line, so that a diff shows whole entries."""
    if not holds_records(value):
        return json.dumps(value, ensure_ascii=False)
    deeper = indent + " "
    if isinstance(value, dict):
        lines = [f"{deeper}{json.dumps(key)}: {render(child, deeper)}" for key, child in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + render(child, deeper) for child in value) + f"\n{indent}]"


def household_bytes() -> bytes:
    return (render(make_household()) + "\n").encode()


if __name__ == "__main__":
    FILE.write_bytes(household_bytes())
