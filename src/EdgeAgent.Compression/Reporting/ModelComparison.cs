using EdgeAgent.Compression.Passes;
using EdgeAgent.Contracts.Benchmarks;

namespace EdgeAgent.Compression.Reporting;

/// <summary>A written model against the teacher, on the same images: what it lost, what it gained, and whether that is chance.</summary>
/// <param name="Student">Name in the family.</param>
/// <param name="Activations">Format of the quantized activations, as in a profile: u8, s8 or symmetric; float32 for a pruned model.</param>
/// <param name="Samples">Images that both classified.</param>
/// <param name="OnlyTeacher">Images that only the teacher has right.</param>
/// <param name="OnlyStudent">Images that only the student has right.</param>
/// <param name="Difference">Student's top-1 minus the teacher's.</param>
/// <param name="Interval">95 %, of the paired difference (<see cref="Statistics.PairedDifferenceInterval"/>).</param>
/// <param name="PExact">Exact McNemar test (<see cref="Statistics.McNemar"/>).</param>
/// <param name="PMidP">Its mid-p version.</param>
/// <param name="Classes">In the order of the labels.</param>
public sealed record ModelComparison(
    string Student, string Activations, int Samples, int OnlyTeacher, int OnlyStudent, double Difference, IReadOnlyList<double> Interval, double PExact, double PMidP, IReadOnlyList<ClassComparison> Classes)
{
    /// <param name="judged">The predictions; the model's are those of <paramref name="path"/>.</param>
    public static ModelComparison Of(string student, string activations, Tested judged, string path, IReadOnlyList<string> classes)
    {
        var (labels, teacher, predicted) = (judged.Labels, judged.TeacherClasses, judged.ModelClasses[path]);
        var rows = new ClassComparison[classes.Count];
        var members = Enumerable.Range(0, labels.Length).ToLookup(i => labels[i]);
        for (var c = 0; c < rows.Length; c++)
            rows[c] = ClassComparison.Of(classes, c, [.. members[c]], teacher, predicted);
        var (lost, gained) = (rows.Sum(r => r.Lost), rows.Sum(r => r.Gained));
        var (low, high) = Statistics.PairedDifferenceInterval(lost, gained, labels.Length);
        var (exact, midP) = Statistics.McNemar(lost, gained);
        return new ModelComparison(student, activations, labels.Length, lost, gained, (double)(gained - lost) / labels.Length, [low, high], exact, midP, rows);
    }
}

/// <summary>One class: what the student unlearned of it.</summary>
/// <param name="TeacherRight">Images of the class that the teacher has right.</param>
/// <param name="StudentRight">Images of the class that the student has right.</param>
/// <param name="Lost">Images that only the teacher has right.</param>
/// <param name="Gained">Images that only the student has right.</param>
/// <param name="Difference">Student's share right minus the teacher's.</param>
/// <param name="Interval">95 %, of the paired difference; of this class alone, not corrected for the number of classes.</param>
/// <param name="TakenFor">The class that most of the lost images are taken for; null without any.</param>
/// <param name="TakenForCount">How many of them.</param>
public sealed record ClassComparison(
    string Class, int Samples, int TeacherRight, int StudentRight, int Lost, int Gained, double Difference, IReadOnlyList<double> Interval, string? TakenFor, int TakenForCount)
{
    internal static ClassComparison Of(IReadOnlyList<string> classes, int label, int[] members, int[] teacher, int[] student)
    {
        var lost = members.Where(i => teacher[i] == label && student[i] != label).ToArray();
        var gained = members.Count(i => teacher[i] != label && student[i] == label);
        var taken = lost.CountBy(i => student[i]).OrderByDescending(c => c.Value).ThenBy(c => c.Key).FirstOrDefault();
        var (low, high) = members.Length == 0 ? (0, 0) : Statistics.PairedDifferenceInterval(lost.Length, gained, members.Length);
        return new ClassComparison(
            classes[label], members.Length, members.Count(i => teacher[i] == label), members.Count(i => student[i] == label), lost.Length, gained,
            members.Length == 0 ? 0 : (double)(gained - lost.Length) / members.Length, [low, high], lost.Length == 0 ? null : classes[taken.Key], taken.Value);
    }
}
