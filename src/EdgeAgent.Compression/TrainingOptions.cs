using EdgeAgent.Compression.Distillation;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression;

/// <summary>What every run has: a model, data, a place for results, and a time.</summary>
public record TrainingOptions
{
    /// <summary>The teacher: a file that <c>ModelImporter</c> reads, one image input, one output of logits or probabilities.</summary>
    public required string ModelPath { get; init; }

    /// <summary>Sizes of the axes that the teacher's file leaves open beside the batch; models made of it have them fixed.</summary>
    public IReadOnlyList<int> Sizes { get; init; } = [];

    /// <summary>Folder, zip or tar of class folders to train with.</summary>
    public required string DataPath { get; init; }

    /// <summary>Whether the teacher was trained for other classes than the data's: it gets a new last layer, and is trained before anything else.</summary>
    public bool Transfer { get; init; }

    public DistillationKind Distillation { get; init; } = DistillationKind.Plain;

    /// <summary>Share of the augmented images that are mixed with another one, pixels and labels alike (mixup).</summary>
    public double Mixup { get; init; }

    /// <summary>Whether training mirrors half of the images; null asks the teacher, who may not know a mirrored arrow or letter.</summary>
    public bool? Flip { get; init; }

    /// <summary>Images to choose by; null splits a tenth of the training data off.</summary>
    public string? ValidationPath { get; init; }

    /// <summary>Images whose pixels are read once, after everything is decided.</summary>
    public string? TestPath { get; init; }

    /// <summary>Where results and checkpoints go; created if absent.</summary>
    public required string OutDirectory { get; init; }

    /// <summary>Wall time of the whole run, kept within a tenth unless reading, measuring and testing alone take longer; the report then says so.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Continue the checkpoint in <see cref="OutDirectory"/>; without one, start from the beginning.</summary>
    public bool Resume { get; init; }

    /// <summary>
    /// Steps of the main training, in place of as many as the budget allows; other trainings have their share of them. With it the
    /// files do not depend on how fast the machine is: the same command gives the same bytes.
    /// </summary>
    public long? Steps { get; init; }

    /// <summary>Time between two checkpoints of a training pass.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Seeds the split, the order, the augmentation.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Threads for training; 0 takes all processors.</summary>
    public int Threads { get; init; }

    /// <summary>What is absent, or all of it where this is null, is as the model's file says, or else pixels 0..255 in the size, channels and layout of the model's input.</summary>
    public PreprocessingDocument? Preprocessing { get; init; }

    /// <summary>Decoded images that may stay in memory, in bytes; beyond it images are decoded each time.</summary>
    public long ImageMemoryBytes { get; init; } = 2L << 30;

    /// <summary>What makes it another run beside model, data and the members here: a part of its fingerprint.</summary>
    internal virtual string Distinction => "";

    /// <summary>The command that asks for this run, without the values that are the default.</summary>
    internal string CommandLine => string.Join(' ', [$"edgectl {Command}", .. Arguments.Select(a => a.Value is null ? a.Name : $"{a.Name} {Quoted(a.Value)}")]);

    private protected virtual string Command => "";

    /// <summary>Options of the command line and their values; a switch has none.</summary>
    internal virtual IEnumerable<(string Name, string? Value)> Arguments
    {
        get
        {
            yield return ("--model", ModelPath);
            if (Sizes.Count > 0)
                yield return ("--size", string.Join(',', Sizes));
            yield return ("--data", DataPath);
            if (Transfer)
                yield return ("--transfer", null);
            if (ValidationPath is not null)
                yield return ("--validation", ValidationPath);
            if (TestPath is not null)
                yield return ("--test", TestPath);
            yield return Steps is { } steps
                ? ("--steps", FormattableString.Invariant($"{steps}"))
                : ("--budget", FormattableString.Invariant($"{Budget.TotalSeconds:0.###}s"));
            yield return ("--seed", FormattableString.Invariant($"{Seed}"));
            if (Distillation != DistillationKind.Plain)
                yield return ("--distillation", "dkd");
            if (Mixup > 0)
                yield return ("--mixup", FormattableString.Invariant($"{Mixup}"));
            if (Flip is { } flip)
                yield return ("--flip", flip ? "on" : "off");
            if (Threads > 0)
                yield return ("--threads", FormattableString.Invariant($"{Threads}"));
            if (Preprocessing is not null)
                yield return ("--preprocessing", Preprocessing.ToJson());
            yield return ("--out", OutDirectory);
        }
    }

    /// <summary>As a shell reads it.</summary>
    private static string Quoted(string value) => value.Length > 0 && value.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,+@%".Contains(c)) ? value : $"'{value.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    internal int ThreadCount => Threads > 0 ? Threads : Environment.ProcessorCount;
}
