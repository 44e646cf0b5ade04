using System.Globalization;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Contracts.Costs;

namespace EdgeAgent.Compression.Reporting;

/// <summary>What a reader of a family's figures has to know before believing them.</summary>
internal static class ReportWarnings
{
    /// <summary>Below it an accuracy's 95 % interval is wider than six points.</summary>
    private const int FewImages = 1000;

    /// <summary>Quantization may cost this much of the float student's accuracy.</summary>
    private const double QuantizationLoss = 0.003;

    /// <summary>A run may be so much longer than its budget.</summary>
    private const double Overrun = 1.1;

    /// <summary>Of what the most frequent class leaves, a teacher has at least this much right, or it looks misused.</summary>
    private const double LeastKnown = 0.1;

    /// <summary>Names of classes that a warning shows.</summary>
    private const int ClassesShown = 4;

    /// <param name="budget">Null where steps were given, and not time.</param>
    public static IReadOnlyList<string> Of(FamilyReport report, TimeSpan? budget)
    {
        List<string> warnings = [.. OfAccuracies(report.Teacher.Split, report.Teacher.Samples, report.SkippedImages), .. OfTime(report.Seconds, budget)];
        void Warn(FormattableString text) => warnings.Add(text.ToString(CultureInfo.InvariantCulture));

        foreach (var student in report.Students.DistinctBy(s => s.Name))
            if (student.ValidationTop1 < student.FloatTop1 - QuantizationLoss - Noise(report, student))
                Warn($"{student.Name} loses more than {QuantizationLoss * 100:0.0} points by quantization: {student.FloatTop1 * 100:0.0} % in float32, {student.ValidationTop1 * 100:0.0} % in int8, on held-out images.");
        foreach (var profile in report.Profiles)
        {
            if (profile.Label is { } label)
                Warn($"{profile.Id}: {label}; its latencies and energies are those of the CPU by the cost model, or less.");
            if (profile.CostSource == CostSource.Published)
                Warn($"{profile.Id}: latency and energy are predicted from published figures of the board, not measured; `edgectl compress --from-fleet` uses what devices measured.");
        }
        foreach (var none in report.Profiles.Where(p => report.Students.All(s => s.Profile != p.Id)))
            Warn($"{none.Id} gets no student: {string.Join("; ", report.Rejected.Where(r => r.Profile == none.Id).Select(r => $"{r.Name}: {r.Reason}"))}");
        foreach (var layers in report.Layers)
            if (layers.Layers.Any(l => l.LogitError is null))
                Warn($"{layers.Student}: the time did not suffice for the sensitivity of every layer; give a longer --budget.");
        return warnings;
    }

    /// <summary>Profiles with fewer students than were asked for: sizes that come to the same channels are one student.</summary>
    public static IEnumerable<string> OfSizes(StoredPlan plan, int asked) => plan.ByProfile.Where(p => p.Value.Count < asked).Select(p => string.Create(CultureInfo.InvariantCulture,
        $"{p.Key} has {p.Value.Count} of the {asked} students that were asked for, the others would have the same channels: {string.Join("; ", p.Value.Select(s => $"{plan.Shapes[s.Shape].Name}, {s.Reason}"))}"));

    /// <param name="seconds">What the run took.</param>
    /// <param name="budget">Null where steps were given, and not time.</param>
    public static IEnumerable<string> OfTime(double seconds, TimeSpan? budget)
    {
        if (budget is { TotalSeconds: var given } && seconds > given * Overrun)
            yield return string.Create(CultureInfo.InvariantCulture, $"The run took {seconds:0} s, and its budget was {given:0} s: reading, measuring and testing take their time whatever the budget; give a longer --budget, so that there is more training.");
    }

    /// <param name="split">What the accuracies were measured on: test or validation.</param>
    /// <param name="samples">How many images those are.</param>
    /// <param name="skipped">Images that did not decode.</param>
    public static IReadOnlyList<string> OfAccuracies(string split, int samples, IReadOnlyList<string> skipped)
    {
        var warnings = new List<string>();
        if (split != "test")
            warnings.Add("No test images were given: the accuracies are those of the held-out images that choices were made by, and therefore a little too good. Give --test.");
        if (samples < FewImages)
            warnings.Add($"Only {samples} images were classified: differences of a few points may be chance; the intervals say how many.");
        if (skipped.Count > 0)
            warnings.Add($"{skipped.Count} images did not decode and were left out, the first: {skipped[0]}");
        return warnings;
    }

    /// <summary>
    /// Of a teacher that is hardly better than naming one class always, as one is whose images are fed otherwise than it was
    /// trained, or whose outputs are in another order than the classes; null for any other.
    /// </summary>
    /// <param name="heldOut">Its accuracy on the held-out images.</param>
    /// <param name="labels">Of these images.</param>
    /// <param name="fitted">It was fitted to this data, so that order and pre-processing are right.</param>
    public static string? OfTeacher(Accuracy heldOut, IEnumerable<int> labels, IReadOnlyList<string> classes, bool fitted)
    {
        var (most, count) = labels.CountBy(l => l).MaxBy(l => l.Value);
        var chance = (double)count / heldOut.Samples;
        if (heldOut.Low > chance && heldOut.High >= chance + LeastKnown * (1 - chance))
            return null;
        var remedy = fitted ? "give a longer --budget" : $"check --preprocessing, and that the model's outputs are in the order {string.Join(", ", classes.Take(ClassesShown))}{(classes.Count > ClassesShown ? " and so on" : "")}";
        return string.Create(CultureInfo.InvariantCulture,
            $"The teacher has {heldOut.Top1 * 100:0.0} % of the {heldOut.Samples} held-out images right, and always saying '{classes[most]}' {chance * 100:0.0} %: {remedy}.");
    }

    /// <summary>Two standard errors of the smaller of the two sets of images.</summary>
    private static double Noise(FamilyReport report, StudentReport student) =>
        2 * Math.Sqrt(student.FloatTop1 * (1 - student.FloatTop1) / Math.Max(1, report.HeldOutImages));
}
