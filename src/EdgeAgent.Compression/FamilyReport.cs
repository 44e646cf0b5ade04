using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Reporting;

namespace EdgeAgent.Compression;

/// <summary>Result of a run: <c>family.json</c>, and the document of <c>edgectl compress --json</c>. Accuracies are fractions.</summary>
public sealed record FamilyReport
{
    public int Schema { get; init; } = 1;

    public required TeacherReport Teacher { get; init; }

    public required IReadOnlyList<StudentReport> Students { get; init; }

    /// <summary>Students that were trained but are not shipped, with the reason.</summary>
    public required IReadOnlyList<RejectedStudent> Rejected { get; init; }

    /// <summary>For each profile, the student that its budgets choose on the held-out images.</summary>
    public required IReadOnlyList<ProfileChoice> Choices { get; init; }

    public required OverheadReport Overhead { get; init; }

    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>Hash of the training data.</summary>
    public required string DataSha256 { get; init; }

    /// <summary>Hash of the test data; null without.</summary>
    public string? TestSha256 { get; init; }

    public required string OutDir { get; init; }

    /// <summary>Time used, over interruptions.</summary>
    public required double Seconds { get; init; }

    public required long PeakBytes { get; init; }

    public required IReadOnlyList<PassReport> Passes { get; init; }

    /// <summary>Images that did not decode, by name and fault.</summary>
    public IReadOnlyList<string> SkippedImages { get; init; } = [];

    /// <summary>Null in reports of earlier versions, as what follows is empty in them.</summary>
    public RunDescription? Run { get; init; }

    /// <summary>Names of the classes in the order of the labels.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    public int TrainingImages { get; init; }

    /// <summary>Images that students were chosen by.</summary>
    public int HeldOutImages { get; init; }

    /// <summary>The boards, in the order they were named.</summary>
    public IReadOnlyList<ProfileReport> Profiles { get; init; } = [];

    /// <summary>Each written file against the teacher, on the images of <see cref="TeacherReport.Split"/>.</summary>
    public IReadOnlyList<ModelComparison> Comparisons { get; init; } = [];

    /// <summary>Layers of every student that ships somewhere.</summary>
    public IReadOnlyList<StudentLayers> Layers { get; init; } = [];

    public IReadOnlyList<string> Warnings { get; init; } = [];

    public string ToJson() => JsonSerializer.Serialize(this, FamilyJson.Default.FamilyReport);

    /// <summary>Also reads the reports of earlier versions, which lack some members.</summary>
    public static FamilyReport FromJson(string json)
    {
        var report = JsonSerializer.Deserialize(json, FamilyJson.Default.FamilyReport) ?? throw new JsonException("a family report is an object, not null");
        // Generated readers set an init-only property that is absent to null, whatever its initializer says.
        return report with
        {
            SkippedImages = report.SkippedImages ?? [],
            Classes = report.Classes ?? [],
            Profiles = report.Profiles ?? [],
            Comparisons = report.Comparisons ?? [],
            Layers = report.Layers ?? [],
            Warnings = report.Warnings ?? [],
            Students = [.. report.Students.Select(s => s with { Activations = s.Activations ?? "", Reason = s.Reason ?? "" })],
            Passes = [.. report.Passes.Select(p => p with { Runs = Math.Max(1, p.Runs), Curve = p.Curve ?? [], Models = p.Models ?? [], HeldOut = p.HeldOut ?? [] })],
        };
    }
}

/// <param name="Top1">On the test images where given, else on the held-out ones; the same images as the students'.</param>
/// <param name="Engine">Engine that evaluated it.</param>
/// <param name="P50Us">Median latency in ONNX Runtime on this machine, one thread, one image.</param>
public sealed record TeacherReport(double Top1, IReadOnlyList<double> Interval, int Samples, string Split, string Engine, long ModelBytes, long Parameters, long Macs, double P50Us)
{
    /// <summary>On the held-out images that students were chosen by; null in reports of earlier versions.</summary>
    public double? ValidationTop1 { get; init; }
}

/// <param name="Name">Name in the family; the folder below the profile's.</param>
/// <param name="Width">Share of the teacher's channels that is kept, geometric mean.</param>
/// <param name="Top1">Of the written model.onnx in ONNX Runtime.</param>
/// <param name="Interval">Wilson 95 % interval.</param>
/// <param name="Split">validation or test: what <paramref name="Top1"/> was measured on.</param>
/// <param name="ValidationTop1">On the held-out images that the choice was made by.</param>
/// <param name="FloatTop1">Of the student before quantization, on the held-out images.</param>
/// <param name="PtqTop1">After post-training quantization, before quantization-aware training, on the held-out images.</param>
/// <param name="PredictedUs">By the profile's cost model, one thread.</param>
/// <param name="Float32Us">The same student in float32 on the profile, predicted.</param>
/// <param name="RelativeTop1">Share of the teacher's top-1 on the same images.</param>
/// <param name="TimesSmaller">Bytes of the teacher's file over those of model.onnx.</param>
/// <param name="Agreement">Share of held-out images on which ONNX Runtime gives the class of the int8 simulation.</param>
/// <param name="Label">What must be said with the figures: <c>format only, not executed</c> for accelerators that cannot be run here; else null.</param>
public sealed record StudentReport(
    string Name, string Profile, double Width, double Top1, IReadOnlyList<double> Interval, int Samples, string Split,
    double ValidationTop1, double FloatTop1, double PtqTop1, long OnnxBytes, long PlanBytes, long Parameters, long Macs,
    double PredictedUs, double Float32Us, double RelativeTop1, double TimesSmaller, double Agreement, int AgreementSamples, string Directory, string? Label = null)
{
    /// <summary>Format of the quantized activations: with <see cref="Name"/>, which of <see cref="FamilyReport.Comparisons"/> is this file's.</summary>
    public string Activations { get; init; } = "";

    /// <summary>Bytes that a device pulls: of the plan where the profile's engine runs it, else of model.onnx.</summary>
    public long DeviceBytes { get; init; }

    /// <summary>Energy of one inference, predicted.</summary>
    public double EnergyMj { get; init; }

    /// <summary>Slice of the teacher, or mobile blocks.</summary>
    public BlockKind Blocks { get; init; }

    /// <summary>What binds its width on this profile, and why it has its kind of blocks; empty in reports of earlier versions.</summary>
    public string Reason { get; init; } = "";
}

public sealed record RejectedStudent(string Name, string Profile, string Reason);

/// <param name="Reason">Why, and which budget binds.</param>
public sealed record ProfileChoice(string Profile, string Student, string Reason, string? BindingBudget);

/// <summary>Cost of training the students beside the teacher.</summary>
/// <param name="Teacher">fixed or joint.</param>
/// <param name="JointStepUs">A step of the run: with <c>joint</c>, teacher and students are trained; with <c>fixed</c>, the teacher's forward pass and the students' training.</param>
/// <param name="TeacherStepUs">A training step of the teacher alone, same batch, measured in the same calibration; null where the teacher is fixed and too slow for the budget to find out.</param>
/// <param name="Ratio"><paramref name="JointStepUs"/> / <paramref name="TeacherStepUs"/>.</param>
/// <param name="StudentsStepUs">Training of the students alone: what a step of a <c>fixed</c> run costs once the teacher's answers are kept.</param>
/// <param name="MacShare">Multiply-accumulates of the students, as a share of the teacher's.</param>
/// <param name="ElementwiseShare">Values that batch-norms, activations and additions write in the students, as a share of the teacher's: work that shrinks with the width, and not with its square.</param>
public sealed record OverheadReport(string Teacher, double JointStepUs, double? TeacherStepUs, double? Ratio, double StudentsStepUs, double MacShare = 0, double ElementwiseShare = 0);

/// <summary>One pass with its cost and effect.</summary>
/// <param name="Seconds">Wall time, over interruptions.</param>
public sealed record PassReport(string Name, double Seconds, string Effect)
{
    /// <summary>How many processes ran it: more than one where the run was resumed.</summary>
    public int Runs { get; init; } = 1;

    /// <summary>Training steps; null for a pass that does not train.</summary>
    public long? Steps { get; init; }

    /// <summary>Of <see cref="Seconds"/>, what training took.</summary>
    public double? TrainingSeconds { get; init; }

    /// <summary>Accuracy on held-out images before the pass; null where it has none.</summary>
    public double? Top1Before { get; init; }

    /// <summary>The same after it, on the same images.</summary>
    public double? Top1After { get; init; }

    /// <summary>Loss and learning rate, at most 256 points.</summary>
    public IReadOnlyList<CurvePoint> Curve { get; init; } = [];

    /// <summary>Names of the models in <see cref="HeldOut"/>.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Accuracy on at most 512 held-out images while training went on.</summary>
    public IReadOnlyList<HeldOutPoint> HeldOut { get; init; } = [];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(FamilyReport))]
[JsonSerializable(typeof(PassReport[]))]
internal sealed partial class FamilyJson : JsonSerializerContext;
