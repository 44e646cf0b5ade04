namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>One operator of the file: its name, its tensors, and its options by field id.</summary>
internal sealed class TfLiteNode
{
    private readonly string _place;
    private readonly TfLiteTensor[] _tensors;
    private readonly FlatTable? _options;

    /// <param name="place">Names the operator in errors.</param>
    public TfLiteNode(string place, string op, TfLiteTensor[] tensors, int[] inputs, int[] outputs, FlatTable? options, ReadOnlyMemory<byte> custom)
    {
        (_place, Op, _tensors, Inputs, Outputs, _options, Custom) = (place, op, tensors, inputs, outputs, options, custom);
        foreach (var input in inputs)
            if (input < -1 || input >= tensors.Length)
                throw Fault($"reads tensor {input}, of {tensors.Length}");
        foreach (var output in outputs)
            if (output < 0 || output >= tensors.Length)
                throw Fault($"writes tensor {output}, of {tensors.Length}");
    }

    /// <summary>The published name, such as CONV_2D, or that of a custom operator.</summary>
    public string Op { get; }

    /// <summary>Indices of tensors; -1 for one that is absent.</summary>
    public int[] Inputs { get; }

    public int[] Outputs { get; }

    /// <summary>The options of an operator that is none of the published ones, in whatever form its author chose.</summary>
    public ReadOnlyMemory<byte> Custom { get; }

    /// <summary>Whether it is an operator of the subgraph that has these tensors.</summary>
    public bool IsOf(IReadOnlyList<TfLiteTensor> tensors) => ReferenceEquals(_tensors, tensors);

    public bool Has(int input) => input < Inputs.Length && Inputs[input] >= 0;

    public int InputIndex(int input) => Has(input) ? Inputs[input] : throw Fault($"input {input} is missing");

    public TfLiteTensor Input(int input) => _tensors[InputIndex(input)];

    public int OutputIndex(int output) => output < Outputs.Length ? Outputs[output] : throw Fault($"output {output} is missing");

    public TfLiteTensor Output(int output) => _tensors[OutputIndex(output)];

    public int Int(int id, int otherwise = 0) => _options?.Int(id, otherwise) ?? otherwise;

    public byte Byte(int id) => _options?.Byte(id) ?? 0;

    public bool Flag(int id) => Byte(id) != 0;

    public float Float(int id, float otherwise = 0) => _options?.Float(id, otherwise) ?? otherwise;

    public string Text(int id) => _options?.String(id) ?? "";

    public int[]? Ints(int id) => _options?.Ints(id);

    public ImportFault Fault(string what)
    {
        var output = Outputs is [var first, ..] && first >= 0 && first < _tensors.Length ? $" '{ModelImportException.OneLine(_tensors[first].Name)}'" : "";
        return new($"{_place}{output} ({ModelImportException.OneLine(Op)}): {what}");
    }
}
