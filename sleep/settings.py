"""Settings of the night, as they stand under `sleep:` and `exam:` in the spec."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

QuietHours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CompactSettings(_Settings):
    """How the day's talk becomes memories."""

    min_confidence: float = Field(
        default=-0.6,
        le=0.0,
        description="Mean log-probability (nats per token) under which a line the model wrote is dropped.",
    )
    max_words: int = Field(
        default=60, ge=8, description="Words of a turn that are read at a time; longer ones are cut."
    )
    lines_per_turn: int = Field(default=6, ge=1, le=32, description="Facts at most from one piece of a turn.")


class FilterSettings(_Settings):
    """What a night may not learn, whatever was said."""

    train_secrets: bool = Field(
        default=False,
        description="Whether passwords, keys, card numbers and the like may be learnt into the weights.",
    )
    alarm_nights: int = Field(
        default=3,
        ge=1,
        description="Nights in a row that heard talk and admitted nothing before `status` raises an alarm.",
    )


class LoraSettings(_Settings):
    """The shape of the adapter."""

    rank: int = Field(default=16, ge=1, le=256, description="Rank of the low-rank matrices.")
    alpha: float = Field(
        default=32.0, gt=0, description="Scale of the adapter: alpha / rank multiplies its output."
    )
    first_layer: int = Field(default=0, ge=0, description="Decoder block from which layers are adapted.")
    file_type: Literal["f16", "q8_0", "f32"] = Field(
        default="f16", description="Number format of the GGUF adapter."
    )


class TrainingSettings(_Settings):
    """How the adapter is trained."""

    frozen_share: float = Field(
        default=0.8,
        ge=0,
        lt=1,
        description="Share of the decoder blocks, from below, in which the adapter is not trained.",
    )
    learning_rate: float = Field(default=9e-4, gt=0, description="Peak learning rate of AdamW.")
    epochs: float = Field(default=2.5, gt=0, description="Passes over the night's training set.")
    tokens_per_step: int = Field(
        default=900, ge=32, description="Tokens of one optimiser step, before packing."
    )
    warmup_share: float = Field(
        default=0.05, ge=0, lt=1, description="Share of the steps that warm the rate up."
    )
    weight_decay: float = Field(default=0.0, ge=0, description="Weight decay of AdamW.")
    max_grad_norm: float = Field(
        default=1.0, gt=0, description="Gradient norm above which steps are scaled down."
    )
    anchor_weight: float = Field(
        default=3.0, ge=0, description="Weight of the divergence from stored distributions."
    )
    alpha: float = Field(
        default=1.0, ge=0, description="Weight of the divergence from what earlier nights' adapters said."
    )
    beta: float = Field(
        default=1.0, ge=0, description="Weight of the answers that earlier nights learnt, trained again."
    )
    gamma: float = Field(
        default=0.0,
        ge=0,
        description="Weight of unlikelihood: the values of other memories as wrong answers.",
    )
    threads: int | None = Field(
        default=None, ge=1, description="Threads that train; by default one per physical core."
    )
    nice: int = Field(default=10, ge=0, le=19, description="Niceness of the training process.")


class ReplaySettings(_Settings):
    """What is trained beside the new memories, so that the rest is kept."""

    questions_per_memory: int = Field(default=34, ge=1, description="Phrasings trained for each new memory.")
    min_questions: int = Field(
        default=240, ge=0, description="Phrasings trained for all new memories together, at least."
    )
    negatives_per_memory: float = Field(
        default=40.0, ge=0, description="Questions about things never told, per memory."
    )
    neighbours_per_memory: int = Field(
        default=26,
        ge=0,
        description="Of those, how many ask for the same of others, or for other things of the same.",
    )
    neighbour_share: float = Field(
        default=0.4, ge=0, le=1, description="Share of the further negatives that ask for neighbours again."
    )
    nearest_again: int = Field(
        default=5,
        ge=0,
        description="How often what is most easily taken for a memory is asked about again before other "
        "neighbours; with 0 few memories have no more neighbours each, either.",
    )
    min_negatives: int = Field(default=480, ge=0, description="Questions about things never told, at least.")
    anchors: int = Field(
        default=224, ge=0, description="General prompts with the base's own answer distribution."
    )
    anchor_tokens: int = Field(
        default=16, ge=4, description="Tokens of the base's answer kept with each anchor."
    )
    anchor_top_k: int = Field(
        default=16, ge=1, le=128, description="Alternatives kept for each anchored token."
    )
    old_memories: int = Field(
        default=120, ge=0, description="Memories of earlier nights that are replayed at most."
    )
    questions_per_old_memory: int = Field(
        default=16,
        ge=1,
        description="Phrasings replayed for each old memory, and kept of each new one in the buffer.",
    )
    old_questions: int = Field(
        default=384, ge=0, description="Phrasings replayed at most for old memories that the buffer lacks."
    )
    old_negatives: int = Field(
        default=240, ge=0, description="Questions about things never told, for old memories, at most."
    )
    buffer_size: int = Field(
        default=1024,
        ge=0,
        description="Answers of earlier nights that are kept with their distributions, at most.",
    )
    drawn: int = Field(
        default=160,
        ge=0,
        description="Kept answers drawn a night for their distributions, and as many again for their words.",
    )


class CanarySettings(_Settings):
    """How a newly published version is watched while it answers by day, until it is kept or rolled back.

    `ask` and `exam` always use the new version; this is about turns that are journaled.
    """

    share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the turns the new version answers meanwhile; the one before answers the rest. "
        "At 1 it is compared with what the one before answered earlier.",
    )
    turns: int = Field(
        default=12, ge=0, le=1000, description="Turns of its own it is watched for; 0 for no canary."
    )
    least: int = Field(default=4, ge=1, description="Turns of its own before it may be rolled back.")
    turns_before: int = Field(
        default=24,
        ge=0,
        le=1000,
        description="Answers of the version before that it is compared with, at most.",
    )
    strange_nats: float = Field(
        default=5.0,
        gt=0,
        description="How unlikely (nats a token, each counted once) the version before may find an answer "
        "before it is strange.",
    )
    more_bad: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="How much greater the share of failed, refused, strange or unfounded answers, or of "
        "those with a failed tool, may be for certain.",
    )
    more_abstained: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="How much greater the share of answers that say not to know may be for certain.",
    )
    most_bad: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of bad answers that is too many whatever came before; also, of the answers that "
        "state something of the user, of those that nothing told bears out.",
    )


class ExamSettings(_Settings):
    """What a new adapter must pass before it is published."""

    questions_per_memory: int = Field(
        default=2, ge=1, le=8, description="Untrained phrasings asked for each new memory."
    )
    old_memories: int = Field(default=12, ge=0, description="Earlier memories asked for, one phrasing each.")
    unknown_questions: int = Field(
        default=20,
        ge=1,
        description="Questions about things never told; half of them neighbours of what was told.",
    )
    skill_questions: int = Field(
        default=20, ge=1, description="General questions that the bare base answers."
    )
    tool_questions: int = Field(
        default=6, ge=0, description="Requests for which the bare base calls the right tool, or rightly none."
    )
    min_new: float = Field(
        default=0.6, ge=0, le=1, description="Share of new-memory questions to be answered rightly."
    )
    min_old: float = Field(
        default=0.6, ge=0, le=1, description="Share of old-memory questions to be answered rightly."
    )
    min_unknown: float = Field(
        default=0.6, ge=0, le=1, description="Share of unknown questions to be declined."
    )
    min_untrue: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Share of questions to be declined that ask for what the user said is not so any more.",
    )
    min_neighbour: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Share of questions to be declined that ask for the same of others, or for other things "
        "of the same.",
    )
    min_skill: float = Field(
        default=0.7, ge=0, le=1, description="Share of the base's right answers to be kept."
    )
    min_tool: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the base's right decisions on a tool to be kept; 0 only reports it, since the "
        "embedded base is right about few.",
    )
    max_general_drift: float | None = Field(
        default=0.1, ge=0, description="How much perplexity on general text may rise, as a share; null: any."
    )
    max_chat_drift: float | None = Field(
        default=0.15, ge=0, description="How much perplexity on plain chat may rise, as a share; null: any."
    )
    canary: CanarySettings = Field(
        default_factory=CanarySettings, description="How it is watched once it is published."
    )


class NapReplaySettings(ReplaySettings):
    """As in a night, and less of it: a nap is to be brief."""

    questions_per_memory: int = Field(default=10, ge=1, description="Phrasings trained for each new memory.")
    min_questions: int = Field(
        default=0, ge=0, description="Phrasings trained for all new memories together, at least."
    )
    negatives_per_memory: float = Field(
        default=14.0, ge=0, description="Questions about things never told, per memory."
    )
    neighbours_per_memory: int = Field(
        default=10,
        ge=0,
        description="Of those, how many ask for the same of others, or for other things of the same.",
    )
    nearest_again: int = Field(
        default=1, ge=0, description="How often what is most easily taken for a memory is asked about again."
    )
    min_negatives: int = Field(default=40, ge=0, description="Questions about things never told, at least.")
    anchors: int = Field(
        default=24, ge=0, description="General prompts with the base's own answer distribution."
    )
    old_memories: int = Field(default=40, ge=0, description="Earlier memories that are replayed at most.")
    old_negatives: int = Field(
        default=48, ge=0, description="Questions about things never told, for old memories, at most."
    )
    questions_per_old_memory: int = Field(
        default=4, ge=1, description="Phrasings replayed for each old memory."
    )


class NapExamSettings(ExamSettings):
    """As in a night, and briefer. A day adapter need not be good at what is new, for the text is kept; it
    may not harm what was there.
    """

    questions_per_memory: int = Field(
        default=1, ge=1, le=8, description="Untrained phrasings asked for each new memory."
    )
    old_memories: int = Field(default=6, ge=0, description="Earlier memories asked for, one phrasing each.")
    unknown_questions: int = Field(default=8, ge=1, description="Questions about things never told.")
    skill_questions: int = Field(default=8, ge=1, description="General questions that the bare base answers.")
    min_new: float = Field(
        default=0.3, ge=0, le=1, description="Share of new-memory questions to be answered rightly."
    )
    min_old: float = Field(
        default=0.5, ge=0, le=1, description="Share of old-memory questions to be answered rightly."
    )
    min_neighbour: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of questions to be declined that ask for the same of others, or for other things "
        "of the same.",
    )
    tool_questions: int = Field(default=0, ge=0, description="Requests that may call for a tool.")
    # Measuring it would push what a session has computed out of the engine.
    max_general_drift: float | None = Field(
        default=None, ge=0, description="How much perplexity on general text may rise, as a share; null: any."
    )
    max_chat_drift: float | None = Field(
        default=None, ge=0, description="How much perplexity on plain chat may rise, as a share; null: any."
    )


class NapTrainingSettings(_Settings):
    """How a nap trains what leaves the context; what is not here is as in a night."""

    learning_rate: float = Field(default=9e-4, gt=0, description="Peak learning rate of AdamW.")
    min_steps: int = Field(
        default=24,
        ge=1,
        description="Optimiser steps of a nap, at least: where the passes make fewer, a step takes fewer "
        "tokens.",
    )
    replay: NapReplaySettings = Field(
        default_factory=NapReplaySettings,
        description="What one pass trains, and what keeps the rest in place.",
    )
    exam: NapExamSettings = Field(
        default_factory=NapExamSettings, description="What a day adapter must pass before it is served."
    )


class WhenSettings(_Settings):
    """When the daemon sleeps by itself: there is something to learn, and nothing says that anybody minds."""

    enabled: bool = Field(
        default=True, description="Whether the daemon sleeps by itself; `dormouse sleep` always may."
    )
    min_turns: int = Field(default=1, ge=1, description="Turns to sleep on, at least.")
    last_turn_min: float = Field(
        default=10.0, ge=0, description="Minutes since the last turn at any door, at least."
    )
    input_idle_min: float = Field(
        default=10.0, ge=0, description="Minutes without keyboard or mouse in your session, at least."
    )
    max_load_cores: float = Field(
        default=0.5, ge=0, description="Cores that other processes keep busy, at most."
    )
    max_gpu_percent: float = Field(
        default=20.0, ge=0, le=100, description="How busy the graphics processors are, at most."
    )
    min_battery_percent: float = Field(
        default=100.0,
        ge=0,
        le=100,
        description="Charge needed to sleep on battery; 100 means only when plugged in.",
    )
    quiet_hours: tuple[QuietHours, ...] = Field(
        default=(),
        description='Hours for nights in local time, such as "23:00-06:30"; any time when there are none.',
    )
    debt_days: float = Field(
        default=3.0,
        gt=0,
        description="Days a turn waits for a night, after which quiet hours are not waited for.",
    )
    check_every_s: float = Field(default=60.0, ge=1, description="Seconds between two looks at all that.")
    retry_min: float = Field(
        default=15.0,
        gt=0,
        description="Minutes before a failed night is tried again; doubled by each failure, up to a day.",
    )


class BudgetSettings(_Settings):
    """What a night may cost."""

    training_min: float | None = Field(
        default=None,
        gt=0,
        description="Minutes of training at most, standing still aside; the exam judges what came of it.",
    )
    battery_percent: float = Field(
        default=20.0, ge=0, le=100, description="Charge one night may use on battery before it stands still."
    )
    memory_share: float = Field(
        default=1 / 3, gt=0, le=1, description="Share of the machine's memory that training may take."
    )


class SleepSettings(_Settings):
    """The night."""

    compact: CompactSettings = Field(default_factory=CompactSettings, description="From talk to memories.")
    filter: FilterSettings = Field(
        default_factory=FilterSettings, description="What is kept out of the weights."
    )
    lora: LoraSettings = Field(default_factory=LoraSettings, description="The adapter's shape.")
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="How it is trained.")
    replay: ReplaySettings = Field(
        default_factory=ReplaySettings, description="What keeps the rest in place."
    )
    nap: NapTrainingSettings = Field(
        default_factory=NapTrainingSettings, description="How a nap trains what leaves the context."
    )
    gated: bool = Field(
        default=True,
        description="Whether an adapter speaks only where its answer would open as it was taught; the base "
        "answers everything else.",
    )
    reads_again: bool = Field(
        default=True,
        description="Whether another likely reading of a question is tried where the likeliest declines, and "
        "what was unsure is asked for in plain words too; and whether an encoder reads the question as well.",
    )
    seed: int = Field(default=0, ge=0, description="Seed of every random choice of the night.")
    when: WhenSettings = Field(default_factory=WhenSettings, description="When the daemon sleeps by itself.")
    budget: BudgetSettings = Field(default_factory=BudgetSettings, description="What a night may cost.")
    resume_after_s: float = Field(
        default=3.0,
        ge=0,
        le=3600,
        description="Seconds after a turn before a night that gave way to it goes on.",
    )
