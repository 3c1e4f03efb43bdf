"""A made-up household: what a Korean family enters in ten years, and a few rare things; as files to import."""

import csv
import io
import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

FIRST_DAY = date(2016, 11, 23)
DAYS = 3_650
LATE = 500
"""Within so many entries the days are in no order: nobody writes everything down on its day."""
RARE = 20
"""However large the book: what is found of it is the same."""
SEED = 5
COLUMNS = ("kind", "amount", "occurred_on", "category", "memo", "tags")
TAGS = ("가족", "혼자", "카드", "현금", "출장", "데이트", "아이", "할인")

Entry = tuple[str, int, date, str, str, str]
"""As in COLUMNS."""


class Habit(NamedTuple):
    """What is entered under one category: how often, the least, the most and the step of amounts, the memos."""

    weight: float
    amounts: tuple[int, int, int]
    memos: Sequence[str]


EXPENSES = {
    "식비": Habit(
        34, (3_000, 60_000, 100), ("점심 김치찌개", "점심 돈까스", "저녁 냉면", "이마트 장보기", "배달 치킨")
    ),
    "카페": Habit(14, (1_500, 12_000, 100), ("스타벅스 아메리카노", "메가커피 라떼", "붕어빵", "파리바게뜨 빵")),
    "교통": Habit(16, (1_250, 30_000, 50), ("지하철 2호선", "버스", "카카오택시 귀가", "KTX 부산", "주유 GS칼텍스")),
    "생활용품": Habit(8, (1_000, 50_000, 10), ("다이소 수납함", "화장지 30롤", "세제 리필", "쿠팡 로켓배송")),
    "의료": Habit(4, (3_000, 200_000, 100), ("내과 진료", "약국 감기약", "치과 스케일링", "헬스장 한달")),
    "문화": Habit(5, (5_000, 120_000, 500), ("CGV 영화", "교보문고 책", "넷플릭스 구독", "콘서트 티켓")),
    "의류": Habit(4, (8_000, 300_000, 900), ("유니클로 셔츠", "미용실 커트", "무신사 운동화")),
    "통신": Habit(2, (20_000, 90_000, 10), ("휴대폰 요금 SKT", "인터넷 요금 KT")),
    "주거": Habit(2, (50_000, 900_000, 10), ("아파트 관리비", "전기요금", "도시가스", "월세")),
    "교육": Habit(3, (10_000, 500_000, 1_000), ("영어학원", "문제집 3권", "인프런 강의")),
    "경조사": Habit(1, (50_000, 300_000, 50_000), ("결혼 축의금 민수", "돌잔치 선물", "부의금")),
}
INCOMES = {
    "급여": Habit(3, (2_500_000, 4_500_000, 10), ("월급 (주)가계", "상여금")),
    "부수입": Habit(3, (1_000, 300_000, 100), ("당근마켓 판매", "블로그 광고", "캐시백 적립")),
    "이자": Habit(2, (10, 20_000, 1), ("카카오뱅크 이자",)),
}
HABITS = EXPENSES | INCOMES
RARE_CATEGORY, RARE_TAG = "취미", "제주여행"
RARE_MEMO = "희귀한 옻칠 도자기"
RARE_AMOUNT = 9_000_000  # and a little more for each


def household(size: int) -> list[Entry]:
    """Make up a book, nearly in the order of its days; the same one every time."""
    chance = random.Random(SEED)
    return [_entry(chance, number, size) for number in range(size)]


def _entry(chance: random.Random, number: int, size: int) -> Entry:
    late = min(LATE, size)
    occurred_on = FIRST_DAY + timedelta(days=(number // late * late + chance.randrange(late)) * DAYS // size)
    if number % (size // RARE) == 7:
        return "expense", RARE_AMOUNT + number, occurred_on, RARE_CATEGORY, RARE_MEMO, RARE_TAG
    (name,) = chance.choices(list(HABITS), [habit.weight for habit in HABITS.values()])
    _, (least, most, step), memos = HABITS[name]
    amount = least + int((most - least) * chance.random() ** 3) // step * step  # small ones are more frequent
    memo = chance.choice(memos) + (f" {chance.randrange(500)}번" if chance.random() < 0.3 else "")
    tags = ";".join(chance.sample(TAGS, chance.choices((0, 1, 2), (5, 4, 1))[0]))
    category = name if chance.random() < 0.93 else ""
    return "income" if name in INCOMES else "expense", amount, occurred_on, category, memo, tags


def files(entries: Sequence[Entry], lines_max: int) -> Iterator[bytes]:
    """Write entries as CSV files of at most so many."""
    for first in range(0, len(entries), lines_max):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([COLUMNS, *entries[first : first + lines_max]])
        yield text.getvalue().encode()
