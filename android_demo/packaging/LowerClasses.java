import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.FieldVisitor;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Makes Java 8 of a JAR of Java 17, for Debian's dx, which reads nothing newer: java LowerClasses.java FROM.jar TO.jar [PREFIX TO LEAVE OUT ...].
 *
 * <p>Three things of Java 17 stand in ONNX Runtime's classes. Nest mates (JEP 181): classes of one file see each other's private members; so private
 * members become package-private. Lambdas (invokedynamic): each becomes a class; only those that hold no variables are met, and any other is
 * refused. The version number.
 */
public final class LowerClasses implements Opcodes {
    private static final String LAMBDAS = "java/lang/invoke/LambdaMetafactory";

    /** Classes by name, so that equal input gives equal bytes. */
    private final Map<String, byte[]> made = new TreeMap<>();

    public static void main(String[] arguments) throws IOException {
        LowerClasses all = new LowerClasses();
        try (ZipInputStream from = new ZipInputStream(Files.newInputStream(Path.of(arguments[0])))) {
            for (ZipEntry entry; (entry = from.getNextEntry()) != null; ) {
                String name = entry.getName();
                boolean left = !name.endsWith(".class");
                for (int i = 2; i < arguments.length; i++) left |= name.startsWith(arguments[i]);
                if (!left) all.lower(from.readAllBytes());
            }
        }
        try (ZipOutputStream to = new ZipOutputStream(Files.newOutputStream(Path.of(arguments[1])))) {
            for (Map.Entry<String, byte[]> one : all.made.entrySet()) {
                ZipEntry entry = new ZipEntry(one.getKey() + ".class");
                entry.setTime(0);
                to.putNextEntry(entry);
                to.write(one.getValue());
                to.closeEntry();
            }
        }
    }

    private void lower(byte[] content) {
        ClassWriter writer = new ClassWriter(0);
        Lowering lowering = new Lowering(writer);
        new ClassReader(content).accept(lowering, 0);
        made.put(lowering.name, writer.toByteArray());
    }

    private final class Lowering extends ClassVisitor {
        private String name;
        private int lambdas;

        Lowering(ClassVisitor next) {
            super(ASM9, next);
        }

        @Override
        public void visit(int version, int access, String name, String signature, String parent, String[] interfaces) {
            this.name = name;
            super.visit(V1_8, access, name, signature, parent, interfaces);
        }

        @Override
        public void visitNestHost(String host) {}

        @Override
        public void visitNestMember(String member) {}

        @Override
        public FieldVisitor visitField(int access, String name, String type, String signature, Object value) {
            return super.visitField(access & ~ACC_PRIVATE, name, type, signature, value);
        }

        @Override
        public MethodVisitor visitMethod(int access, String name, String type, String signature, String[] exceptions) {
            return new MethodVisitor(ASM9, super.visitMethod(access & ~ACC_PRIVATE, name, type, signature, exceptions)) {
                @Override
                public void visitInvokeDynamicInsn(String method, String type, Handle bootstrap, Object... parts) {
                    if (!bootstrap.getOwner().equals(LAMBDAS)) throw refused(name, bootstrap.toString());
                    String lambda = lambdaClass(name, method, type, (Type) parts[0], (Handle) parts[1], (Type) parts[2]);
                    super.visitTypeInsn(NEW, lambda);
                    super.visitInsn(DUP);
                    super.visitMethodInsn(INVOKESPECIAL, lambda, "<init>", "()V", false);
                }

                @Override
                public void visitMaxs(int stack, int locals) {
                    super.visitMaxs(stack + 2, locals); // NEW and DUP stand where one value stood
                }
            };
        }

        /** A class with the one method of a functional interface, which calls the lambda's body. */
        private String lambdaClass(String where, String method, String type, Type erased, Handle body, Type exact) {
            if (Type.getArgumentTypes(type).length > 0 || body.getTag() != H_INVOKESTATIC) throw refused(where, body.toString());
            String lambda = name + "$Lambda" + lambdas++;
            ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
            String[] interfaces = {Type.getReturnType(type).getInternalName()};
            writer.visit(V1_8, ACC_FINAL | ACC_SYNTHETIC, lambda, null, "java/lang/Object", interfaces);
            MethodVisitor code = writer.visitMethod(0, "<init>", "()V", null, null);
            code.visitCode();
            code.visitVarInsn(ALOAD, 0);
            code.visitMethodInsn(INVOKESPECIAL, "java/lang/Object", "<init>", "()V", false);
            code.visitInsn(RETURN);
            code.visitMaxs(0, 0);
            code.visitEnd();
            code = writer.visitMethod(ACC_PUBLIC, method, erased.getDescriptor(), null, null);
            code.visitCode();
            Type[] given = erased.getArgumentTypes();
            Type[] wanted = exact.getArgumentTypes();
            int slot = 1;
            for (int i = 0; i < given.length; i++) {
                code.visitVarInsn(given[i].getOpcode(ILOAD), slot);
                slot += given[i].getSize();
                if (!given[i].equals(wanted[i])) code.visitTypeInsn(CHECKCAST, wanted[i].getInternalName());
            }
            code.visitMethodInsn(INVOKESTATIC, body.getOwner(), body.getName(), body.getDesc(), body.isInterface());
            code.visitInsn(erased.getReturnType().getOpcode(IRETURN));
            code.visitMaxs(0, 0);
            code.visitEnd();
            writer.visitEnd();
            made.put(lambda, writer.toByteArray());
            return lambda;
        }

        private IllegalStateException refused(String where, String what) {
            return new IllegalStateException(name + "." + where + ": a kind of lambda that is not lowered here: " + what);
        }
    }
}
