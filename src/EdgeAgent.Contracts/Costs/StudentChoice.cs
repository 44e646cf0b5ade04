using System.Globalization;
using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Contracts.Costs;

/// <param name="Student">Name of the student.</param>
/// <param name="Accuracy">A fraction.</param>
/// <param name="ModelBytes">Bytes that the device pulls for the model.</param>
/// <param name="PredictedUs">Latency on the profile.</param>
/// <param name="EnergyMj">Energy of one inference on the profile.</param>
public sealed record StudentCandidate(string Student, double Accuracy, long ModelBytes, double PredictedUs, double EnergyMj);

/// <summary>Picks the student of a family for one profile. The same rule in edgectl and in the controller.</summary>
/// <param name="Chosen">The student.</param>
/// <param name="Reason">One line: why, and which budget binds.</param>
/// <param name="BindingBudget">latency, size, energy, accuracy, or null when no budget excluded a student that would else be chosen.</param>
public sealed record StudentChoice(StudentCandidate Chosen, string Reason, string? BindingBudget)
{
    /// <summary>
    /// The most accurate student within all budgets, the faster one of equals; with a least accuracy, the fastest that reaches
    /// it. Where none is within the budgets, the one that comes closest to the budget it misses by most.
    /// </summary>
    /// <param name="candidates">At least one.</param>
    /// <param name="budgets">Null members do not limit.</param>
    public static StudentChoice Of(IReadOnlyList<StudentCandidate> candidates, ProfileBudgets budgets)
    {
        if (candidates.Count == 0)
            throw new ArgumentException("there are no students to choose from", nameof(candidates));
        var byAccuracy = candidates.OrderByDescending(c => c.Accuracy).ThenBy(c => c.PredictedUs).ToList();
        var chosen = byAccuracy.Find(c => Excess(c, budgets).Ratio <= 1);
        if (chosen is null)
        {
            var closest = candidates.MinBy(c => Excess(c, budgets).Ratio)!;
            var (budget, ratio) = Excess(closest, budgets);
            return new StudentChoice(closest, Invariant($"no student is within the budgets; this one exceeds the {budget} budget least, by {(ratio - 1) * 100:0} %"), budget);
        }
        if (budgets.MinAccuracy is { } least)
        {
            var fastest = byAccuracy.Where(c => c.Accuracy >= least && Excess(c, budgets).Ratio <= 1).MinBy(c => c.PredictedUs);
            return fastest is null
                ? new StudentChoice(chosen, Invariant($"no student within the budgets reaches {least * 100:0.0} %; this one comes closest with {chosen.Accuracy * 100:0.0} %"), "accuracy")
                : new StudentChoice(fastest, Invariant($"the fastest within the budgets that reaches {least * 100:0.0} % ({fastest.Accuracy * 100:0.0} %)"), fastest == chosen ? "accuracy" : null);
        }
        if (chosen == byAccuracy[0])
            return new StudentChoice(chosen, Invariant($"the most accurate of {candidates.Count} ({chosen.Accuracy * 100:0.0} %), within every budget"), null);
        var passedOver = byAccuracy[0];
        var binding = Excess(passedOver, budgets).Budget;
        return new StudentChoice(
            chosen,
            Invariant($"the most accurate within the budgets ({chosen.Accuracy * 100:0.0} %); the {binding} budget binds: {passedOver.Student} would have {Amount(passedOver, binding)}"),
            binding);
    }

    /// <summary>The budget that a student uses most of, and the share of it.</summary>
    private static (string Budget, double Ratio) Excess(StudentCandidate c, ProfileBudgets budgets)
    {
        var uses = new List<(string Budget, double Ratio)> { ("latency", 0) };
        if (budgets.MaxLatencyMs is { } ms)
            uses.Add(("latency", c.PredictedUs / 1000 / ms));
        if (budgets.MaxModelBytes is { } bytes)
            uses.Add(("size", c.ModelBytes / (double)bytes));
        if (budgets.MaxEnergyMj is { } mj)
            uses.Add(("energy", c.EnergyMj / mj));
        return uses.MaxBy(u => u.Ratio);
    }

    private static string Amount(StudentCandidate c, string budget) => budget switch
    {
        "size" => Invariant($"{c.ModelBytes / 1000.0:0} kB"),
        "energy" => Invariant($"{c.EnergyMj:0.###} mJ"),
        _ => Invariant($"{c.PredictedUs / 1000:0.###} ms"),
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
