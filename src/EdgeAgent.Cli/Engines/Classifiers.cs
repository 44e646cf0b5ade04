using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Graph.Import;

namespace EdgeAgent.Cli.Engines;

/// <summary>Loads a model into the engine asked for, or into the one that its file is for.</summary>
internal static class Classifiers
{
    public const string Interpreter = "interpreter", OnnxRuntime = "onnxruntime", Int8 = "int8";

    /// <summary>First bytes of a file of the int8 engine.</summary>
    private static ReadOnlySpan<byte> PlanMagic => "EDGEPLAN"u8;

    /// <param name="path">The model's file, or the folder of a SavedModel.</param>
    /// <param name="engine">Null chooses by content: int8 for a plan, ONNX Runtime for ONNX, the interpreter for all other formats.</param>
    /// <param name="threads">Threads of the engine.</param>
    /// <param name="sizes">Of the axes that the model leaves open beside the batch.</param>
    public static IClassifier Load(string path, string? engine, int threads, int[] sizes)
    {
        var isPlan = IsPlan(path);
        var format = isPlan ? ModelFormat.Unknown : ModelImporter.FormatOf(path);
        engine ??= isPlan ? Int8 : format == ModelFormat.Onnx ? OnnxRuntime : Interpreter;
        if (isPlan != (engine == Int8))
            throw new CommandException(isPlan
                ? $"{path} is a plan of the int8 engine, which {engine} cannot run; use --engine int8 or the model.onnx of the same student"
                : $"{path} is not a plan of the int8 engine; use the model.plan of a student, or another --engine");
        if (engine == OnnxRuntime && format is not (ModelFormat.Onnx or ModelFormat.Unknown))
            throw new CommandException($"{path} is no ONNX file, which onnxruntime needs; use --engine interpreter, or convert it first (edgectl convert)");
        return engine switch
        {
            Interpreter => new InterpreterClassifier(path, threads, sizes),
            OnnxRuntime => new OnnxRuntimeClassifier(path, threads, sizes),
            Int8 when sizes.Length > 0 => throw SizedPlan(path),
            Int8 => new Int8Classifier(path, threads),
            _ => throw new WrongUsageException($"engine {engine} is not known; use interpreter, onnxruntime or int8"),
        };
    }

    public static CommandException SizedPlan(string path) => new($"{path} is a plan, which leaves no size open; leave --size away");

    public static bool IsPlan(string path)
    {
        if (!File.Exists(path))
            return Directory.Exists(path) ? false : throw new CommandException($"{path}: no such model file");
        using var file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[PlanMagic.Length];
        return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual(PlanMagic);
    }
}
