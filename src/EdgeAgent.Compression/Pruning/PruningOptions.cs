using System.Diagnostics.CodeAnalysis;

namespace EdgeAgent.Compression.Pruning;

/// <summary>By what channels are ranked.</summary>
public enum PruningCriterion
{
    /// <summary>First-order change of the loss, from gradients of training images.</summary>
    Taylor,

    /// <summary>Norm of everything that is removed with a channel; needs no data.</summary>
    GroupL2,
}

/// <summary>What is to become smaller.</summary>
public enum PruningMeasure
{
    Parameters,
    Macs,
}

/// <summary>What to prune, how far, in what time.</summary>
public sealed record PruningOptions : TrainingOptions
{
    public PruningOptions()
    {
    }

    /// <summary>The rest at its defaults.</summary>
    [SetsRequiredMembers]
    public PruningOptions(TrainingOptions run)
        : base(run)
    {
    }

    /// <summary>How many times fewer parameters (or multiply-accumulates) the pruned model has; above 1. 1 prunes no channels.</summary>
    public double Times { get; init; } = 2;

    public PruningMeasure Measure { get; init; } = PruningMeasure.Parameters;

    public PruningCriterion Criterion { get; init; } = PruningCriterion.Taylor;

    /// <summary>Rounds of ranking, removal and recovery; several small ones lose less than one large one.</summary>
    public int Rounds { get; init; } = 3;

    /// <summary>Channels are kept in multiples of this: what the kernels of the board compute at once.</summary>
    public int ChannelMultiple { get; init; } = 8;

    /// <summary>Share of single weights set to zero beside the channels that are removed, in [0, 1). Makes files smaller once compressed, and nothing faster.</summary>
    public double Sparsity { get; init; }

    internal override string Distinction => FormattableString.Invariant($"prune|{Times}|{Measure}|{Criterion}|{Rounds}|{ChannelMultiple}|{Sparsity}");

    private protected override string Command => "prune";

    internal override IEnumerable<(string Name, string? Value)> Arguments =>
    [
        .. base.Arguments,
        ("--times", FormattableString.Invariant($"{Times}")),
        ("--measure", Measure == PruningMeasure.Macs ? "macs" : "parameters"),
        ("--criterion", Criterion == PruningCriterion.GroupL2 ? "l2" : "taylor"),
        ("--rounds", FormattableString.Invariant($"{Rounds}")),
        ("--channel-multiple", FormattableString.Invariant($"{ChannelMultiple}")),
        ("--sparsity", FormattableString.Invariant($"{Sparsity}")),
    ];
}
